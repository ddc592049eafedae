%% Is all at rest? Asked of the VM itself.
%%
%% Everybody on the stage runs at a higher priority than who asks, on one scheduler: whoever can
%% run has run before the next look. Two looks in a row must agree.
-module(live_rest).
-export([full/2, brief/1, pending/1, pending/2]).

-define(PATIENCE_MS, 8000).

%% Counts answers that are promised and not yet given.
pending(Change) -> {Stage, _, _} = get(live), pending(Stage, Change).
pending(#{tab := Tab}, Change) -> ets:update_counter(Tab, pending, Change, {pending, 0}).

%% Every process waits with an empty mailbox and nothing is pending. While supervisors are held,
%% who waits for them is at rest too.
full(#{tab := Tab} = Stage, Held) ->
    until(Stage, fun(People) ->
        ets:lookup(Tab, pending) =< [{pending, 0}] andalso
            lists:all(fun({Pid, _, _, Kind, _}) -> at_rest(look(Pid), Held andalso Kind) end, People)
    end).

%% All that can run has run; delays and limits may go on.
brief(Stage) ->
    until(Stage, fun(People) ->
        lists:all(fun({Pid, _, _, _, _}) -> still(look(Pid)) end, People)
    end).

look(Pid) ->
    case process_info(Pid, [status, message_queue_len, current_function]) of
        [{status, Status}, {message_queue_len, Length}, {current_function, Function}] ->
            {Status, Length, Function};
        undefined -> gone
    end.

at_rest(gone, _) -> true;
at_rest({waiting, 0, {gen_server, loop, _}}, _) -> true;
at_rest({waiting, 0, {live_plain, loop, _}}, _) -> true;
at_rest({waiting, _, {sys, _, _}}, _) -> true;
at_rest({waiting, _, _}, async) -> true;
at_rest(_, _) -> false.

still(gone) -> true;
still({waiting, _, {live_stage, pause, _}}) -> false;
still({waiting, 0, _}) -> true;
still({waiting, _, {gen_server, loop, _}}) -> false;
still({waiting, _, {live_plain, loop, _}}) -> false;
still({waiting, _, _}) -> true;
still(_) -> false.

until(Stage, Good) -> until(Stage, Good, erlang:monotonic_time(millisecond), 0).

until(Stage, Good, Since, Looks) ->
    case look_twice(Stage, Good) of
        true -> ok;
        false ->
            case erlang:monotonic_time(millisecond) - Since > ?PATIENCE_MS of
                true -> exit({stuck, [{Path, look(Pid)} ||
                    {Pid, Path, _, _, _} <- live_stage:people(Stage), is_process_alive(Pid)]});
                false -> step_aside(Looks)
            end,
            until(Stage, Good, Since, Looks + 1)
    end.

look_twice(Stage, Good) ->
    People = live_stage:people(Stage),
    Good(People) andalso begin
        [erlang:yield() || _ <- lists:seq(1, 3)],
        lists:sort(live_stage:people(Stage)) =:= lists:sort(People) andalso Good(People)
    end.

step_aside(Looks) when Looks < 4 -> erlang:yield();
step_aside(Looks) -> receive after min(Looks - 3, 6) -> ok end.
