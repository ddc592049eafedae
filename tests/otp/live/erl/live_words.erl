%% Reasons and answers: from the words of a scenario to Erlang terms and back.
-module(live_words).
-export([term/1, raise/1, reason/2, limit/1, spec_error/1, answer/3, failed_call/2, children/2]).

-define(BARE, [<<"normal">>, <<"shutdown">>, <<"killed">>, <<"kill">>, <<"noproc">>, <<"timeout">>]).

term(#{<<"shutdown">> := Detail}) -> {shutdown, Detail};
term(#{<<"crash">> := Word}) -> {crash, Word};
term(Word) ->
    case lists:member(Word, ?BARE) of true -> binary_to_atom(Word); false -> Word end.

raise(#{<<"crash">> := _} = Reason) -> error(term(Reason));
raise(Reason) -> exit(term(Reason)).

limit(<<"infinity">>) -> infinity;
limit(<<"default">>) -> 5000;
limit(Ms) -> Ms.

reason(Stage, {shutdown, Detail}) -> #{<<"shutdown">> => reason(Stage, Detail)};
reason(_, {crash, Word}) -> crash(Word);
reason(_, {{crash, Word}, Stack}) when is_list(Stack) -> crash(Word);
reason(Stage, {'EXIT', Reason}) -> reason(Stage, Reason);
reason(Stage, {Reason, {gen_server, call, _}}) -> #{<<"call">> => reason(Stage, Reason)};
reason(Stage, {failed_to_start_child, Id, Reason}) ->
    #{<<"failed_to_start">> => Id, <<"reason">> => reason(Stage, Reason)};
reason(Stage, {already_started, Pid}) ->
    #{<<"already_started">> => live_stage:path_of(Stage, Pid)};
reason(_, {start_spec, What}) -> spec_error(What);
reason(_, {supervisor_data, What}) -> spec_error(What);
reason(_, {bad_return_value, _}) -> crash(<<"bad_return_value">>);
reason(_, {bad_return, _}) -> crash(<<"bad_return">>);
reason(_, {Word, Stack}) when is_atom(Word), is_list(Stack) -> crash(atom_to_binary(Word));
reason(_, nonsense) -> crash(<<"nonsense">>);
reason(_, Word) when is_atom(Word) -> atom_to_binary(Word);
reason(_, Word) when is_binary(Word); is_integer(Word) -> Word;
reason(_, Other) -> #{<<"other">> => iolist_to_binary(io_lib:format("~0p", [Other]))}.

crash(Word) -> #{<<"crash">> => Word}.

spec_error({duplicate_child_name, Id}) -> #{<<"spec_error">> => <<"duplicate_id">>, <<"id">> => Id};
spec_error(What) -> #{<<"spec_error">> => atom_to_binary(head(What))}.

head(What) when is_tuple(What) -> element(1, What);
head(What) -> What.

%% The answer of a supervisor to a request.
answer(_, _, ok) -> <<"ok">>;
answer(_, _, {ok, undefined}) -> #{<<"ok">> => null};
answer(Stage, _, {ok, Pid}) when is_pid(Pid) -> #{<<"ok">> => live_stage:who(Stage, Pid)};
answer(Stage, _, {ok, Pid, Extra}) ->
    #{<<"ok">> => live_stage:who(Stage, Pid), <<"extra">> => Extra};
answer(_, _, {ok, #{} = Spec}) -> #{<<"ok">> => spec(Spec)};
answer(Stage, Op, {error, What}) -> #{<<"error">> => refused(Stage, Op, What)};
answer(Stage, <<"which_children">>, List) -> children(Stage, List);
answer(_, <<"count_children">>, Counts) ->
    maps:from_list([{atom_to_binary(Key), Value} || {Key, Value} <- Counts]).

refused(_, _, Word) when Word =:= not_found; Word =:= running; Word =:= restarting;
                         Word =:= already_present; Word =:= simple_one_for_one ->
    atom_to_binary(Word);
refused(Stage, <<"start_child">>, {already_started, Pid}) ->
    #{<<"already_started">> => live_stage:path_of(Stage, Pid)};
refused(Stage, <<"start_child">>, {What, Child}) when is_tuple(Child), element(1, Child) =:= child ->
    #{<<"start">> => reason(Stage, What)};
refused(Stage, Op, What) ->
    case is_spec_error(head(What)) of
        true when Op =:= <<"start_child">> -> #{<<"spec">> => atom_to_binary(head(What))};
        _ -> #{<<"start">> => reason(Stage, What)}
    end.

is_spec_error(Word) when is_atom(Word) ->
    case atom_to_list(Word) of
        "invalid_" ++ _ -> true;
        "missing_" ++ _ -> true;
        "bad_combination" -> true;
        _ -> false
    end;
is_spec_error(_) -> false.

spec(#{id := Id, restart := R, shutdown := S, type := T} = Spec) ->
    #{<<"id">> => word(Id), <<"restart">> => word(R), <<"shutdown">> => word(S),
      <<"type">> => word(T), <<"significant">> => maps:get(significant, Spec, false)}.

word(Word) when is_atom(Word) -> atom_to_binary(Word);
word(Value) -> Value.

%% [id, state, type] newest first; a dynamic supervisor's by label.
children(Stage, List) ->
    Rows = [child(Stage, Child) || Child <- List],
    case [Id || {Id, _, _, _} <- List, Id =:= undefined] of
        [] -> Rows;
        _ -> lists:sort(fun([A | _], [B | _]) -> label(A) =< label(B) end, Rows)
    end.

label(null) -> {0, null};
label(Label) -> {1, Label}.

child(Stage, {undefined, Pid, Type, _}) when is_pid(Pid) ->
    Parts = binary:split(live_stage:path_of(Stage, Pid), <<"/">>, [global]),
    [lists:last(Parts), state(Pid), atom_to_binary(Type)];
child(_, {undefined, State, Type, _}) -> [null, state(State), atom_to_binary(Type)];
child(_, {Id, Pid, Type, _}) -> [Id, state(Pid), atom_to_binary(Type)].

state(Pid) when is_pid(Pid) ->
    case is_process_alive(Pid) of true -> <<"running">>; false -> <<"dead_unnoticed">> end;
state(Word) -> atom_to_binary(Word).

%% What a caught exit of a call or a stop says, without the call around it.
failed_call(Stage, {Reason, {gen_server, _, _}}) -> reason(Stage, Reason);
failed_call(Stage, {Reason, {sys, _, _}}) -> reason(Stage, Reason);
failed_call(Stage, {Reason, {proc_lib, _, _}}) -> reason(Stage, Reason);
failed_call(Stage, Reason) -> reason(Stage, Reason).
