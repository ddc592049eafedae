%% The worker of scenarios: a gen_server that does what its probe map says and journals it.
-module(live_probe).
-behaviour(gen_server).
-export([start/5, init/1, handle_continue/2, handle_call/3, handle_cast/2, handle_info/2]).
-export([terminate/2]).

%% The start function, run by whoever starts the probe.
start(How, Stage, Path, Probe, Options) ->
    N = live_stage:upcoming(Stage, Path),
    case outcome(Probe, N) of
        #{<<"start_raise">> := Reason} = Outcome ->
            misstart(Stage, Path, Outcome),
            error(live_words:term(Reason));
        <<"start_nonsense">> = Outcome ->
            misstart(Stage, Path, Outcome),
            nonsense;
        _ -> begin_server(How, Stage, Path, Probe, Options)
    end.

misstart(Stage, Path, Outcome) ->
    N = live_stage:count(Stage, Path),
    live_stage:event(Stage, init_event(Path, N, Outcome)).

begin_server(How, #{tab := Tab} = Stage, Path, Probe, Options) ->
    Module = case Probe of #{<<"info_handler">> := false} -> live_mute; _ -> ?MODULE end,
    Args = {Stage, Path, Probe},
    Started = case Probe of
        #{<<"name">> := Name} ->
            gen_server:How({local, live_stage:atom(Stage, Name)}, Module, Args, Options);
        _ -> gen_server:How(Module, Args, Options)
    end,
    case Started of
        {ok, Pid} when is_pid(Pid) ->
            case ets:lookup(Tab, {extra, Pid}) of
                [{_, Extra}] -> {ok, Pid, Extra};
                [] -> Started
            end;
        _ -> Started
    end.

outcome(#{<<"init">> := Outcomes}, N) when N =< length(Outcomes) -> lists:nth(N, Outcomes);
outcome(#{<<"init">> := Outcomes}, _) -> lists:last(Outcomes);
outcome(_, _) -> <<"ok">>.

init_event(Path, N, Outcome) ->
    #{<<"ev">> => <<"init">>, <<"path">> => Path, <<"n">> => N, <<"outcome">> => Outcome}.

init({Stage, Path, Probe}) ->
    N = live_stage:count(Stage, Path),
    live_stage:enter(Stage, Path, N, worker),
    process_flag(trap_exit, maps:get(<<"traps">>, Probe, true)),
    Outcome = outcome(Probe, N),
    live_stage:event(init_event(Path, N, Outcome)),
    live_stage:shake(),
    come_up(Outcome, Probe).

come_up(#{<<"delay">> := Ms} = Outcome, Probe) ->
    live_stage:delay(Ms),
    note(<<"init_end">>, #{}),
    come_up(maps:get(<<"then">>, Outcome, <<"ok">>), Probe);
come_up(<<"ok">>, #{<<"continue">> := true} = Probe) -> {ok, {Probe, 0}, {continue, first}};
come_up(<<"ok">>, Probe) -> {ok, {Probe, 0}};
come_up(#{<<"extra">> := Extra}, Probe) ->
    {#{tab := Tab}, _, _} = get(live),
    ets:insert(Tab, {{extra, self()}, Extra}),
    {ok, {Probe, 0}};
come_up(<<"ignore">>, _) -> live_stage:fail(), ignore;
come_up(#{<<"error">> := Reason}, _) -> live_stage:fail(), {stop, live_words:term(Reason)};
come_up(#{<<"crash">> := Word}, _) -> live_stage:fail(), error({crash, Word}).

note(Ev, More) ->
    {_, Path, N} = get(live),
    live_stage:event(More#{<<"ev">> => Ev, <<"path">> => Path, <<"n">> => N}).

handled(Via, Note) -> note(<<"handled">>, #{<<"via">> => Via, <<"note">> => Note}).

handle_continue(first, State) -> handled(<<"continue">>, <<"first">>), {noreply, State}.

handle_call(Request, From, State) ->
    live_stage:shake(),
    call(Request, From, State).

call(#{<<"reply">> := Value}, _, State) -> {reply, Value, State};
call(#{<<"note">> := Note}, _, State) -> handled(<<"call">>, Note), {reply, <<"ok">>, State};
call(#{<<"set">> := Value}, _, {Probe, _}) -> {reply, <<"ok">>, {Probe, Value}};
call(<<"get">>, _, {_, Value} = State) -> {reply, Value, State};
call(#{<<"block">> := Ms} = Request, _, State) ->
    live_stage:delay(Ms),
    [handled(<<"call">>, Note) || #{<<"note_after">> := Note} <- [Request]],
    {reply, <<"late">>, State};
call(#{<<"reply_later">> := Ms}, From, State) ->
    live_rest:pending(1),
    erlang:send_after(Ms, self(), {answer, From, <<"later">>}),
    {noreply, State};
call(#{<<"reply_by_other">> := Ms}, From, State) ->
    {Stage, _, _} = get(live),
    live_rest:pending(1),
    spawn(fun() ->
        live_stage:delay(Ms),
        gen_server:reply(From, <<"by_other">>),
        live_rest:pending(Stage, -1)
    end),
    {noreply, State};
call(<<"never">>, _, State) -> {noreply, State};
call(#{<<"raise">> := Reason}, _, _) -> live_words:raise(Reason);
call(#{<<"stop">> := Reason}, _, State) -> {stop, live_words:term(Reason), State};
call(#{<<"stop_reply">> := Reason}, _, State) ->
    {stop, live_words:term(Reason), <<"bye">>, State};
call(<<"bad_return">>, _, _) -> nonsense;
call(<<"call_self">>, _, State) -> {reply, gen_server:call(self(), <<"get">>), State};
call(<<"cast_self">>, _, State) ->
    [gen_server:cast(self(), #{<<"note">> => Note}) || Note <- [<<"to_self_1">>, <<"to_self_2">>]],
    {reply, <<"ok">>, State};
call(<<"unlink_parent">>, _, State) ->
    [Parent | _] = get('$ancestors'),
    unlink(case is_pid(Parent) of true -> Parent; false -> whereis(Parent) end),
    {reply, <<"ok">>, State};
call(<<"ancestors">>, _, State) ->
    {Stage, _, _} = get(live),
    {reply, [live_stage:path_of(Stage, Who) || Who <- get('$ancestors')], State};
call(#{<<"call">> := #{<<"to">> := To, <<"req">> := Request} = Call}, _, State) ->
    {Stage, _, _} = get(live),
    Limit = live_words:limit(maps:get(<<"timeout">>, Call, <<"default">>)),
    {reply, gen_server:call(live_stage:pid_of(Stage, To), Request, Limit), State}.

handle_cast(Request, State) ->
    live_stage:shake(),
    cast(Request, State).

cast({exit, stop, Reason}, State) -> {stop, live_words:term(Reason), State};
cast({exit, raise, Reason}, _) -> live_words:raise(Reason);
cast(#{<<"note">> := Note}, State) -> handled(<<"cast">>, Note), {noreply, State};
cast(#{<<"block">> := Ms} = Request, State) ->
    live_stage:delay(Ms),
    [handled(<<"cast">>, Note) || #{<<"note_after">> := Note} <- [Request]],
    {noreply, State};
cast(#{<<"raise">> := Reason}, _) -> live_words:raise(Reason);
cast(#{<<"stop">> := Reason}, State) -> {stop, live_words:term(Reason), State};
cast(#{<<"set">> := Value}, {Probe, _}) -> {noreply, {Probe, Value}}.

handle_info({answer, From, Answer}, State) ->
    gen_server:reply(From, Answer),
    live_rest:pending(-1),
    {noreply, State};
handle_info({'EXIT', From, Reason}, State) ->
    {Stage, Path, N} = get(live),
    live_stage:event({exit_msg, Path, N, From, live_words:reason(Stage, Reason)}),
    {noreply, State};
handle_info({note, Note}, State) -> handled(<<"info">>, Note), {noreply, State}.

terminate(Reason, {Probe, _}) ->
    {Stage, _, _} = get(live),
    note(<<"terminate">>, #{<<"reason">> => live_words:reason(Stage, Reason)}),
    live_stage:shake(),
    finish(maps:get(<<"terminate">>, Probe, <<"ok">>)).

finish(<<"ok">>) -> ok;
finish(#{<<"delay">> := Ms}) -> live_stage:delay(Ms);
finish(#{<<"crash">> := Word}) -> error({crash, Word});
finish(<<"never">>) -> live_stage:delay(infinity).
