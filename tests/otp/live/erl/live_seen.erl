%% What a step showed: events in order with their marks, reports, crashes, the snapshot.
-module(live_seen).
-export([take/1]).

take(#{tab := Tab} = Stage) ->
    {Noted, Traced} = live_stage:take(Stage),
    Ends = maps:from_list([{Pid, Stamp} || {Stamp, {exit, Pid, _}} <- Traced]),
    ets:insert(Tab, [{{ended, Pid}, Stamp} || {Pid, Stamp} <- maps:to_list(Ends)]),
    Told = told(Traced),
    Placed = lists:append([place(Stage, Item, Ends, Told) || Item <- Noted ++ Traced]),
    Events = [mark(Stage, Stamp, Event) || {{Stamp, _}, Event} <- lists:keysort(1, Placed)],
    some(<<"reports">>, reports(Stage, Noted),
        some(<<"crashes">>, crashes(Stage, Noted),
            #{<<"events">> => Events, <<"snapshot">> => snapshot(Stage)})).

some(_, [], Map) -> Map;
some(Key, List, Map) -> Map#{Key => List}.

%% When each asking process was answered.
told(Traced) ->
    Asked = maps:from_list([{Tag, Pid} || {_, {asked, Pid, Tag}} <- Traced]),
    maps:from_list([{maps:get(Tag, Asked), Stamp} ||
        {Stamp, {told, Tag}} <- Traced, is_map_key(Tag, Asked)]).

%% Notices and answers stand at their earliest place: just before the end they tell of.
place(_, {Stamp, #{} = Event}, _, _) -> [{{Stamp, 1}, Event}];
place(Stage, {Stamp, {exit_msg, Path, N, From, Reason}}, Ends, _) ->
    [{before_end(From, Stamp, Ends),
      #{<<"ev">> => <<"exit_msg">>, <<"path">> => Path, <<"n">> => N, <<"late">> => true,
        <<"from">> => live_stage:path_of(Stage, From), <<"reason">> => Reason}}];
place(_, {Stamp, {down, Down, Who}}, Ends, _) ->
    [{before_end(Who, Stamp, Ends), Down#{<<"late">> => true}}];
place(_, {Stamp, {result, Tag, Result, Client, Target}}, Ends, Told) ->
    Place = case Result of
        #{<<"exit">> := _} -> before_end(Target, Stamp, Ends);
        _ -> {maps:get(Client, Told, Stamp), 1}
    end,
    [{Place, #{<<"ev">> => <<"result">>, <<"tag">> => Tag, <<"result">> => Result,
               <<"late">> => true}}];
place(#{tab := Tab} = Stage, {Stamp, {exit, Pid, Reason}}, _, _) ->
    case {ets:lookup(Tab, {pid, Pid}), live_stage:is_up(Stage, Pid)} of
        {[{_, Path, N, Kind, _}], true} when Kind =/= async, Path =/= <<"parent">> ->
            Ev = case Kind of sup -> <<"sup_exit">>; _ -> <<"exit">> end,
            [{{Stamp, 1}, #{<<"ev">> => Ev, <<"path">> => Path, <<"n">> => N,
                            <<"reason">> => live_words:reason(Stage, Reason)}}];
        _ -> []
    end;
place(_, _, _, _) -> [].

before_end(Who, Stamp, Ends) ->
    case Ends of
        #{Who := End} when End < Stamp -> {End, 0};
        _ -> {Stamp, 1}
    end.

%% Whoever acts after one of its supervisors has ended is an orphan.
mark(_, _, #{<<"late">> := true} = Event) -> Event;
mark(#{tab := Tab} = Stage, Stamp, #{<<"path">> := Path, <<"n">> := N} = Event) ->
    case ets:lookup(Tab, {life, Path, N}) of
        [{_, Pid}] ->
            case orphaned(Stage, parent(Stage, Pid), Stamp) of
                true -> Event#{<<"orphan">> => true};
                false -> Event
            end;
        [] -> Event
    end;
mark(_, _, Event) -> Event.

parent(#{tab := Tab}, Pid) ->
    case ets:lookup(Tab, {pid, Pid}) of [{_, _, _, _, Parent}] -> Parent; [] -> none end.

orphaned(#{tab := Tab} = Stage, Pid, Stamp) ->
    case ets:lookup(Tab, {pid, Pid}) of
        [{_, _, _, sup, Parent}] ->
            case ets:lookup(Tab, {ended, Pid}) of
                [{_, End}] when End < Stamp -> true;
                _ -> orphaned(Stage, Parent, Stamp)
            end;
        _ -> false
    end.

reports(#{progress := Progress}, Noted) ->
    [Report || {_, Report} <- lists:keysort(1,
        [{Sup, Report} || {_, {report, #{<<"sup">> := Sup} = Report}} <- Noted,
            Progress orelse maps:get(<<"context">>, Report) =/= <<"progress">>])].

crashes(#{tab := Tab} = Stage, Noted) ->
    lists:sort([#{<<"path">> => Path, <<"n">> => N, <<"reason">> => Reason} ||
        {_, {crash, Pid, Reason}} <- Noted, live_stage:is_up(Stage, Pid),
        {_, Path, N, Kind, _} <- ets:lookup(Tab, {pid, Pid}), Kind =/= async]).

snapshot(#{tab := Tab} = Stage) ->
    Alive = [Person || {Pid, _, _, _, _} = Person <- live_stage:people(Stage),
                       is_process_alive(Pid)],
    Starts = ets:match(Tab, {{n, '$1'}, '$2'}),
    #{<<"sups">> => maps:from_list([{Path, supervisor(Stage, Pid, N)} ||
          {Pid, Path, N, sup, _} <- Alive, not held(Pid)]),
      <<"alive">> => lists:sort([Path || {_, Path, _, Kind, _} <- Alive,
          Kind =:= worker orelse Kind =:= plain, Path =/= <<"parent">>]),
      <<"starts">> => maps:from_list([{Path, N} || [Path, N] <- Starts])}.

held(Pid) ->
    case process_info(Pid, current_function) of
        {current_function, {sys, _, _}} -> true;
        _ -> false
    end.

supervisor(Stage, Pid, N) ->
    #{<<"n">> => N,
      <<"children">> => live_words:children(Stage, supervisor:which_children(Pid)),
      <<"count">> => live_words:answer(Stage, <<"count_children">>, supervisor:count_children(Pid))}.
