%% The only logger handler: what supervisors and dying processes report goes to the journal.
%% It runs in the process that reports.
-module(live_log).
-export([install/0, log/2]).

install() ->
    [logger:remove_handler(Id) || Id <- logger:get_handler_ids()],
    ok = logger:set_primary_config(level, info),
    ok = logger:add_handler(?MODULE, ?MODULE, #{}).

log(#{msg := {report, #{label := Label, report := Report}}}, _) -> noted(get(live), Label, Report);
log(#{msg := {report, #{label := Label} = Report}}, _) -> noted(get(live), Label, Report);
log(#{msg := {Format, _}}, _) when is_list(Format) -> noted(get(live), format, Format);
log(_, _) -> ok.

noted({Stage, Path, _}, {supervisor, progress}, Report) ->
    live_stage:event(Stage, {report, #{<<"context">> => <<"progress">>, <<"sup">> => Path,
                                       <<"id">> => id(proplists:get_value(started, Report))}});
noted({Stage, Path, _}, {supervisor, unexpected_msg}, _) -> bare(Stage, Path, <<"unexpected_message">>);
noted({Stage, Path, _}, {gen_server, no_handle_info}, _) -> bare(Stage, Path, <<"no_handle_info">>);
noted({Stage, Path, _}, {supervisor, _}, Report) when is_list(Report) ->
    live_stage:shake(),
    Offender = proplists:get_value(offender, Report),
    About = case proplists:get_value(nb_children, Offender) of
        undefined -> #{<<"id">> => id(Offender)};
        Count -> #{<<"children">> => Count}
    end,
    live_stage:event(Stage, {report, About#{
        <<"context">> => atom_to_binary(proplists:get_value(errorContext, Report)),
        <<"sup">> => Path,
        <<"reason">> => live_words:reason(Stage, proplists:get_value(reason, Report))}});
noted({Stage, _, _}, {proc_lib, crash}, [Info, _]) ->
    Reason = case proplists:get_value(error_info, Info) of
        {error, Word, Stack} -> {Word, Stack};
        {_, Exit, _} -> Exit
    end,
    live_stage:event(Stage, {crash, self(), live_words:reason(Stage, Reason)});
noted({Stage, Path, _}, format, "Supervisor received unexpected message" ++ _) ->
    bare(Stage, Path, <<"unexpected_message">>);
noted(_, _, _) -> ok.

bare(Stage, Path, Context) ->
    live_stage:event(Stage, {report, #{<<"context">> => Context, <<"sup">> => Path}}).

%% The id of a child; for one of a dynamic supervisor its label.
id(Child) ->
    case proplists:get_value(mfargs, Child) of
        {live_branch, start_dynamic, [_, _, _, Label, _]} -> Label;
        _ ->
            case proplists:get_value(id, Child) of
                child -> <<"child">>;
                Id -> Id
            end
    end.
