%% The plain processes: main, parent, those of `procs`, and one for each asynchronous step.
-module(live_plain).
-export([start/3, ask/2, async/3]).

start(Stage, Id, Traps) ->
    Ref = make_ref(),
    Runner = self(),
    Pid = spawn(fun() ->
        live_stage:enter(Stage, Id, 1, plain),
        process_flag(trap_exit, Traps),
        Runner ! Ref,
        loop()
    end),
    receive Ref -> Pid end.

%% Has the process run the function: {done, Value}, or client_died.
ask(Pid, Fun) ->
    Ref = monitor(process, Pid),
    Pid ! {live_do, self(), Ref, Fun},
    receive
        {Ref, Value} -> demonitor(Ref, [flush]), {done, Value};
        {'DOWN', Ref, _, _, _} -> client_died
    end.

%% A process of its own carries it out; its result is an event.
async(Stage, #{<<"tag">> := Tag} = Step, Target) ->
    Ref = make_ref(),
    Runner = self(),
    spawn(fun() ->
        live_stage:enter(Stage, {async, Tag}, 1, async),
        Runner ! Ref,
        Result = live_step:perform(Stage, Step),
        live_stage:event({result, Tag, Result, self(), Target})
    end),
    receive Ref -> ok end.

loop() ->
    receive Message -> handle(Message) end,
    loop().

handle({live_do, From, Ref, Fun}) -> From ! {Ref, Fun()};
handle({live_exit, stop, Reason}) -> exit(live_words:term(Reason));
handle({live_exit, raise, Reason}) -> live_words:raise(Reason);
handle({note, Note}) ->
    put(seen, seen() + 1),
    {_, Path, _} = get(live),
    live_stage:event(#{<<"ev">> => <<"msg">>, <<"path">> => Path, <<"note">> => Note});
handle({'EXIT', From, Reason}) ->
    {Stage, Path, N} = get(live),
    Path =:= <<"parent">> orelse
        live_stage:event({exit_msg, Path, N, From, live_words:reason(Stage, Reason)});
handle({'DOWN', Ref, process, Who, Reason}) ->
    {Stage, At, _} = get(live),
    {Name, Path, Then} = get({ref, Ref}),
    Down = #{<<"ev">> => <<"down">>, <<"at">> => At, <<"ref">> => Name, <<"path">> => Path,
             <<"reason">> => live_words:reason(Stage, Reason), <<"seen">> => seen()},
    live_stage:event({down, maps:merge(Down, follow(Stage, Then)), Who});
handle(_) -> ok.

seen() -> case get(seen) of undefined -> 0; Count -> Count end.

follow(Stage, #{<<"register">> := Name}) ->
    case catch register(live_stage:atom(Stage, Name), self()) of
        true -> #{<<"then">> => <<"registered">>};
        _ -> #{<<"then">> => <<"refused">>}
    end;
follow(Stage, #{<<"whereis">> := Name}) ->
    #{<<"then">> => live_stage:who(Stage, live_stage:atom(Stage, Name))};
follow(_, none) -> #{}.
