%% The stage of one scenario: who is who, the start counts, and the journal.
%%
%% A stage is a small map that travels in child specs. Every stamp is a strictly monotonic
%% integer of the VM, the same kind the tracer puts on exits, so the order of all events is
%% the order in which they happened.
-module(live_stage).
-export([new/1, close/1, enter/4, fail/0, count/2, upcoming/2, event/1, event/2, take/1]).
-export([pid_of/2, who/2, path_of/2, atom/2, people/1, up/2, is_up/2, delay/1, pause/1, shake/0]).

new(#{} = Options) ->
    Tab = ets:new(tab, [public, set]),
    Log = ets:new(log, [public, ordered_set]),
    Dead = spawn(fun() -> ok end),
    Tracer = spawn(fun() -> collect([]) end),
    Options#{tab => Tab, log => Log, tracer => Tracer, dead => Dead}.

%% Ends whoever is left; returns once nobody is.
close(#{tab := Tab, log := Log, tracer := Tracer} = Stage) ->
    Everyone = [Pid || {Pid, _, _, _, _} <- people(Stage)] ++ [Tracer],
    [begin
         Ref = monitor(process, Pid),
         exit(Pid, kill),
         receive {'DOWN', Ref, _, _, _} -> ok end
     end || Pid <- Everyone],
    case [Pid || {Pid, _, _, _, _} <- people(Stage), is_process_alive(Pid)] of
        [] -> ets:delete(Tab), ets:delete(Log), ok;
        _ -> close(Stage)
    end.

%% The calling process takes the stage as the n-th of this path.
enter(#{tab := Tab, tracer := Tracer} = Stage, Path, N, Kind) ->
    put(live, {Stage, Path, N}),
    Parent = case get('$ancestors') of
        [Pid | _] when is_pid(Pid) -> Pid;
        [Name | _] -> whereis(Name);
        _ -> none
    end,
    ets:insert(Tab, [{{pid, self()}, Path, N, Kind, Parent},
                     {{latest, Path}, self()}, {{life, Path, N}, self()}]),
    Flags = case Stage of #{async := true} -> [send]; _ -> [] end,
    erlang:trace(self(), true, [procs, strict_monotonic_timestamp, {tracer, Tracer} | Flags]),
    process_flag(priority, case Stage of
        #{shaken := true} -> lists:nth(rand:uniform(2), [high, max]);
        _ -> high
    end),
    ok.

%% This process did not come up: its end is no event.
fail() ->
    {#{tab := Tab}, _, _} = get(live),
    ets:insert(Tab, {{failed, self()}}).

up(#{tab := Tab}, Pid) -> ets:insert(Tab, {{up, Pid}}).

is_up(#{tab := Tab} = Stage, Pid) ->
    case ets:lookup(Tab, {pid, Pid}) of
        [{_, _, _, sup, _}] -> ets:member(Tab, {up, Pid});
        [_] -> not ets:member(Tab, {failed, Pid});
        [] -> Stage =:= nobody
    end.

count(#{tab := Tab}, Path) -> ets:update_counter(Tab, {n, Path}, 1, {{n, Path}, 0}).

upcoming(#{tab := Tab}, Path) ->
    case ets:lookup(Tab, {n, Path}) of [{_, N}] -> N + 1; [] -> 1 end.

event(Event) -> {Stage, _, _} = get(live), event(Stage, Event).
event(#{log := Log}, Event) ->
    ets:insert(Log, {erlang:unique_integer([monotonic]), Event}).

%% The journal and the trace since the last time, as [{Stamp, Event}].
take(#{log := Log, tracer := Tracer}) ->
    Delivered = erlang:trace_delivered(all),
    receive {trace_delivered, all, Delivered} -> ok end,
    Ref = make_ref(),
    Tracer ! {take, self(), Ref},
    Traced = receive {Ref, List} -> List end,
    Noted = ets:tab2list(Log),
    [ets:delete(Log, Stamp) || {Stamp, _} <- Noted],
    {Noted, Traced}.

collect(Acc) ->
    receive
        {take, From, Ref} -> From ! {Ref, lists:reverse(Acc)}, collect([]);
        {trace_ts, Pid, exit, Reason, {_, Stamp}} -> collect([{Stamp, {exit, Pid, Reason}} | Acc]);
        {trace_ts, Pid, send, {'$gen_call', {_, Tag}, _}, _, _} ->
            collect([{0, {asked, Pid, Tag}} | Acc]);
        {trace_ts, _, send, {Tag, _}, _, {_, Stamp}} -> collect([{Stamp, {told, Tag}} | Acc]);
        _ -> collect(Acc)
    end.

%% What an address of a step means: a pid, a registered name, or somebody dead.
pid_of(Stage, <<"name:", Name/binary>>) -> atom(Stage, Name);
pid_of(#{tab := Tab, dead := Dead}, Address) ->
    Key = case binary:split(Address, <<"#">>) of
        [Path, N] -> {life, Path, binary_to_integer(N)};
        [Path] -> {latest, Path}
    end,
    case ets:lookup(Tab, Key) of [{_, Pid}] -> Pid; [] -> Dead end.

who(_, undefined) -> null;
who(Stage, Name) when is_atom(Name) -> who(Stage, whereis(Name));
who(#{tab := Tab}, Pid) ->
    case ets:lookup(Tab, {pid, Pid}) of
        [{_, Path, N, _, _}] -> #{<<"path">> => Path, <<"n">> => N};
        [] -> null
    end.

path_of(Stage, Who) ->
    case who(Stage, Who) of #{<<"path">> := Path} -> Path; null -> null end.

%% Scenarios run side by side: a local name carries the number of its stage.
atom(#{slot := Slot}, Name) -> binary_to_atom(<<Name/binary, "@", (integer_to_binary(Slot))/binary>>).

people(#{tab := Tab}) ->
    [{Pid, Path, N, Kind, Parent} || [Pid, Path, N, Kind, Parent] <-
        ets:match(Tab, {{pid, '$1'}, '$2', '$3', '$4', '$5'})].

%% A wait that belongs to the scenario, and one that only shakes the order.
delay(Ms) -> receive after Ms -> ok end.
pause(Ms) -> receive after Ms -> ok end.

shake() ->
    case get(live) of
        {#{shaken := true}, _, _} ->
            case rand:uniform(4) of
                1 -> pause(rand:uniform(3));
                2 -> erlang:yield();
                _ -> ok
            end;
        _ -> ok
    end.
