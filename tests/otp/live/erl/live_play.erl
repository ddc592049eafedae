%% Plays one scenario and gives what was recorded.
-module(live_play).
-export([run/3]).

run(#{<<"steps">> := Steps} = Scenario, Slot, Shaken) ->
    Stage = live_stage:new(#{slot => Slot, shaken => Shaken, async => any_async(Steps),
                             progress => maps:get(<<"progress">>, Scenario, false),
                             timed => maps:get(<<"timed">>, Scenario, false)}),
    try
        live_plain:start(Stage, <<"main">>, false),
        [begin
             live_stage:count(Stage, Id),
             live_plain:start(Stage, Id, maps:get(<<"traps">>, Proc, false))
         end || #{<<"id">> := Id} = Proc <- maps:get(<<"procs">>, Scenario, [])],
        Start = start(Stage, Scenario),
        await_phase(Scenario),
        Start#{<<"steps">> => [step(Stage, Step) || Step <- Steps]}
    after
        live_stage:close(Stage)
    end.

any_async(Steps) ->
    lists:any(fun(#{<<"async">> := true}) -> true;
                 (#{<<"items">> := Items}) -> any_async(Items);
                 (_) -> false end, Steps).

await_phase(#{<<"phase_ms">> := Phase}) ->
    Now = erlang:monotonic_time(millisecond),
    receive after (((Phase - Now) rem 1000) + 1000) rem 1000 -> ok end;
await_phase(_) -> ok.

start(Stage, #{<<"tree">> := Tree}) ->
    Parent = live_plain:start(Stage, <<"parent">>, true),
    Began = now_ms(),
    Root = fun() -> live_branch:start(Stage, maps:get(<<"id">>, Tree), Tree) end,
    Result = case live_plain:ask(Parent, Root) of
        {done, {error, Reason}} -> #{<<"error">> => live_words:reason(Stage, Reason)};
        {done, ignore} -> <<"ignore">>;
        {done, Started} -> live_words:answer(Stage, start, Started)
    end,
    live_rest:full(Stage, false),
    Seen = timed(Stage, #{<<"quiet_ms">> => now_ms() - Began}),
    #{<<"start">> => maps:merge((live_seen:take(Stage))#{<<"result">> => Result}, Seen)};
start(_, _) -> #{}.

step(Stage, Step) ->
    Began = now_ms(),
    Result = act(Stage, Step),
    Answered = now_ms(),
    Recorded = case Result of none -> #{}; _ -> #{<<"result">> => Result} end,
    case maps:get(<<"quiet">>, Step, true) of
        false -> live_rest:brief(Stage), Recorded;
        true ->
            live_rest:full(Stage, false),
            Times = [{<<"quiet_ms">>, now_ms() - Began}] ++
                [{<<"result_ms">>, Answered - Began} || Result =/= none],
            maps:merge(maps:merge(Recorded, timed(Stage, maps:from_list(Times))),
                       live_seen:take(Stage))
    end.

now_ms() -> erlang:monotonic_time(millisecond).

timed(#{timed := true}, Times) -> maps:map(fun(_, Ms) -> Ms div 100 * 100 end, Times);
timed(_, _) -> #{}.

act(Stage, #{<<"async">> := true} = Step) ->
    Target = case live_step:target(Step) of
        none -> none;
        Address -> live_stage:pid_of(Stage, Address)
    end,
    live_plain:async(Stage, Step, Target),
    live_rest:brief(Stage),
    none;
act(_, #{<<"do">> := <<"wait">>, <<"ms">> := Ms}) -> receive after Ms -> none end;
act(_, #{<<"do">> := <<"settle">>} = Step) ->
    receive after maps:get(<<"ms">>, Step, 0) -> none end;
act(Stage, #{<<"do">> := <<"exit">>, <<"path">> := Path} = Step) ->
    case live_stage:pid_of(Stage, Path) of
        Pid when is_pid(Pid) ->
            case is_process_alive(Pid) of
                true -> finish(Stage, Pid, Step), none;
                false -> <<"not_running">>
            end;
        Name -> finish(Stage, whereis(Name), Step), none
    end;
act(Stage, #{<<"do">> := <<"burst">>, <<"hold">> := Hold, <<"items">> := Items}) ->
    Sups = [live_stage:pid_of(Stage, Path) || Path <- Hold],
    case lists:all(fun is_process_alive/1, Sups) of
        true -> burst(Stage, Sups, Items), none;
        false -> <<"not_running">>
    end;
act(Stage, Step) ->
    By = live_stage:pid_of(Stage, maps:get(<<"by">>, Step, <<"main">>)),
    Fun = fun() -> live_step:perform(Stage, Step) end,
    case Step of
        #{<<"nowait">> := true} -> By ! {live_do, self(), make_ref(), Fun}, none;
        _ ->
            case live_plain:ask(By, Fun) of
                {done, Result} -> Result;
                client_died when map_get(<<"catch">>, Step) =:= false -> <<"client_died">>;
                client_died -> exit({died_of, Step})
            end
    end.

burst(Stage, Sups, Items) ->
    [sys:suspend(Sup) || Sup <- Sups],
    [begin
         act(Stage, Item),
         case Item of
             #{<<"do">> := <<"exit">>} -> live_rest:full(Stage, true);
             _ -> live_rest:brief(Stage)
         end
     end || Item <- Items],
    [sys:resume(Sup) || Sup <- Sups].

finish(Stage, Pid, #{<<"how">> := <<"signal">>, <<"reason">> := Reason}) ->
    Main = live_stage:pid_of(Stage, <<"main">>),
    live_plain:ask(Main, fun() -> exit(Pid, live_words:term(Reason)) end);
finish(#{tab := Tab}, Pid, #{<<"how">> := How, <<"reason">> := Reason}) ->
    case ets:lookup(Tab, {pid, Pid}) of
        [{_, _, _, plain, _}] -> Pid ! {live_exit, binary_to_atom(How), Reason};
        [{_, _, _, worker, _}] -> gen_server:cast(Pid, {exit, binary_to_atom(How), Reason})
    end.
