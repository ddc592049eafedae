%% What one step does, run by the process that does it; the value is its result.
-module(live_step).
-export([perform/2, target/1]).

%% The address a step is directed at, if it has one.
target(#{<<"sup">> := Sup}) -> Sup;
target(#{<<"to">> := To}) -> To;
target(_) -> none.

perform(Stage, #{<<"do">> := Do} = Step) -> do(Do, Stage, Step).

do(<<"api">>, Stage, #{<<"op">> := Op, <<"sup">> := To} = Step) ->
    Sup = live_stage:pid_of(Stage, To),
    attempt(Stage, Step, fun() -> live_words:answer(Stage, Op, request(Op, Stage, Sup, Step)) end);
do(<<"signal">>, Stage, #{<<"to">> := To, <<"reason">> := Reason}) ->
    exit(pid(Stage, To), live_words:term(Reason)),
    <<"ok">>;
do(<<"stop">>, Stage, #{<<"to">> := To} = Step) ->
    Reason = live_words:term(maps:get(<<"reason">>, Step, <<"normal">>)),
    Limit = live_words:limit(maps:get(<<"timeout">>, Step, <<"infinity">>)),
    attempt(Stage, Step, fun() ->
        ok = gen_server:stop(live_stage:pid_of(Stage, To), Reason, Limit),
        <<"ok">>
    end);
do(<<"call">>, Stage, #{<<"to">> := To, <<"req">> := Request} = Step) ->
    Limit = live_words:limit(maps:get(<<"timeout">>, Step, <<"default">>)),
    attempt(Stage, Step, fun() ->
        #{<<"reply">> => gen_server:call(live_stage:pid_of(Stage, To), Request, Limit)}
    end);
do(<<"cast">>, Stage, #{<<"to">> := To, <<"req">> := Request}) ->
    gen_server:cast(live_stage:pid_of(Stage, To), Request),
    <<"ok">>;
do(<<"send">>, Stage, #{<<"to">> := To} = Step) ->
    Pid = pid(Stage, To),
    Notes = maps:get(<<"notes">>, Step, [Note || #{<<"note">> := Note} <- [Step]]),
    [Pid ! {note, Note} || Note <- Notes],
    [Pid ! {unknown, What} || #{<<"unknown">> := What} <- [Step]],
    <<"ok">>;
do(<<"start">>, Stage, Step) -> start(Stage, Step);
do(<<"start_many">>, Stage, #{<<"times">> := Times} = Step) ->
    lists:usort([start(Stage, Step) || _ <- lists:seq(1, Times)]);
do(<<"check_specs">>, Stage, #{<<"specs">> := Nodes} = Step) ->
    Specs = [live_branch:spec(Stage, <<"checked">>, Node) || Node <- Nodes],
    Checked = case Step of
        #{<<"auto_shutdown">> := Auto} -> supervisor:check_childspecs(Specs, binary_to_atom(Auto));
        _ -> supervisor:check_childspecs(Specs)
    end,
    case Checked of
        ok -> <<"ok">>;
        {error, What} -> #{<<"error">> => live_words:spec_error(What)}
    end;
do(Do, Stage, Step) -> bond(Do, Stage, Step).

bond(<<"link">>, Stage, #{<<"to">> := To}) ->
    try link(pid(Stage, To)) of
        true -> <<"ok">>
    catch
        error:Reason -> #{<<"error">> => #{<<"crash">> => live_words:reason(Stage, Reason)}}
    end;
bond(<<"unlink">>, Stage, #{<<"to">> := To}) -> unlink(pid(Stage, To)), <<"ok">>;
bond(<<"monitor">>, Stage, #{<<"to">> := To, <<"ref">> := Name} = Step) ->
    Ref = monitor(process, live_stage:pid_of(Stage, To)),
    put({ref, Ref}, {Name, To, maps:get(<<"then">>, Step, none)}),
    put({name, Name}, Ref),
    <<"ok">>;
bond(<<"demonitor">>, Stage, #{<<"ref">> := Name} = Step) ->
    Ref = get({name, Name}),
    [after_exit(Stage, Signal, Ref) || #{<<"after_exit">> := Signal} <- [Step]],
    demonitor(Ref, [flush || maps:get(<<"flush">>, Step, false)]),
    <<"ok">>;
bond(<<"trap">>, _, #{<<"on">> := On}) -> process_flag(trap_exit, On), <<"ok">>;
bond(<<"register">>, Stage, #{<<"name">> := Name}) ->
    Atom = live_stage:atom(Stage, Name),
    try register(Atom, self()) of
        true -> <<"ok">>
    catch
        error:badarg -> #{<<"error">> => live_stage:who(Stage, Atom)}
    end;
bond(<<"unregister">>, Stage, #{<<"name">> := Name}) ->
    try unregister(live_stage:atom(Stage, Name)) of
        true -> <<"ok">>
    catch
        error:badarg -> #{<<"error">> => <<"not_registered">>}
    end;
bond(<<"whereis">>, Stage, #{<<"name">> := Name}) ->
    live_stage:who(Stage, live_stage:atom(Stage, Name)).

%% The notice of the end is in the own mailbox before the monitor is taken down.
after_exit(Stage, #{<<"to">> := To, <<"reason">> := Reason}, Ref) ->
    exit(pid(Stage, To), live_words:term(Reason)),
    await_notice(Ref).

await_notice(Ref) ->
    {messages, Messages} = process_info(self(), messages),
    case [Ref || {'DOWN', R, _, _, _} <- Messages, R =:= Ref] of
        [] -> receive after 1 -> await_notice(Ref) end;
        _ -> ok
    end.

pid(Stage, Address) ->
    case live_stage:pid_of(Stage, Address) of
        Pid when is_pid(Pid) -> Pid;
        Name -> whereis(Name)
    end.

attempt(_, #{<<"catch">> := false}, Fun) -> Fun();
attempt(Stage, _, Fun) ->
    try Fun() catch exit:Reason -> #{<<"exit">> => live_words:failed_call(Stage, Reason)} end.

start(Stage, #{<<"id">> := Id} = Step) ->
    How = case maps:get(<<"mode">>, Step, <<"nolink">>) of
        <<"link">> -> start_link;
        <<"nolink">> -> start;
        <<"monitor">> -> start_monitor
    end,
    Options = [{timeout, Ms} || #{<<"timeout">> := Ms} <- [Step]],
    case live_probe:start(How, Stage, Id, maps:get(<<"probe">>, Step, #{}), Options) of
        {ok, {Pid, Ref}} ->
            put({ref, Ref}, {maps:get(<<"ref">>, Step, Id), Id, none}),
            live_words:answer(Stage, start, {ok, Pid});
        ignore -> <<"ignore">>;
        {error, Reason} -> #{<<"error">> => live_words:reason(Stage, Reason)};
        Started -> live_words:answer(Stage, start, Started)
    end.

request(<<"start_child">>, _, Sup, #{<<"label">> := Label} = Step) ->
    supervisor:start_child(Sup, [Label, maps:get(<<"probe">>, Step, #{})]);
request(<<"start_child">>, Stage, Sup, #{<<"child">> := Node, <<"sup">> := Path}) ->
    supervisor:start_child(Sup, live_branch:spec(Stage, Path, Node));
request(<<"which_children">>, _, Sup, _) -> supervisor:which_children(Sup);
request(<<"count_children">>, _, Sup, _) -> supervisor:count_children(Sup);
request(<<"suspend">>, _, Sup, _) -> sys:suspend(Sup);
request(<<"resume">>, _, Sup, _) -> sys:resume(Sup);
request(Op, Stage, Sup, Step) ->
    Which = case Step of
        #{<<"id">> := Id} -> Id;
        #{<<"by_handle">> := Address} -> live_stage:pid_of(Stage, Address)
    end,
    supervisor:(binary_to_atom(Op))(Sup, Which).
