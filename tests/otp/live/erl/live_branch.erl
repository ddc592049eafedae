%% The supervisors of scenarios: start functions, the callback, child specs from nodes.
-module(live_branch).
-behaviour(supervisor).
-export([start/3, start_dynamic/5, init/1, spec/3]).

%% The start function of a node, run by its parent.
start(Stage, Path, #{<<"sup">> := _} = Node) ->
    Args = {Stage, Path, Node},
    Started = case Node of
        #{<<"name">> := Name} ->
            supervisor:start_link({local, live_stage:atom(Stage, Name)}, ?MODULE, Args);
        _ -> supervisor:start_link(?MODULE, Args)
    end,
    [live_stage:up(Stage, Pid) || {ok, Pid} <- [Started]],
    Started;
start(Stage, Path, Node) ->
    live_probe:start(start_link, Stage, Path, maps:get(<<"probe">>, Node, #{}), []).

%% The same for a child of a dynamic supervisor: label and override come with the request.
start_dynamic(Stage, SupPath, Probe, Label, Override) ->
    Path = join(SupPath, Label),
    live_probe:start(start_link, Stage, Path, maps:merge(Probe, Override), []).

join(Path, null) -> Path;
join(Path, Id) when is_integer(Id) -> join(Path, integer_to_binary(Id));
join(Path, Id) -> <<Path/binary, "/", Id/binary>>.

init({Stage, Path, Node}) ->
    Flags = flags(maps:get(<<"sup">>, Node)),
    Specs = specs(Stage, Path, Node),
    N = live_stage:upcoming(Stage, Path),
    case outcome(Node, N) of
        <<"ok">> -> come_up(Stage, Path, N, Flags, Specs);
        Outcome -> journal(Stage, Path, N, Outcome), refuse(Outcome)
    end.

outcome(#{<<"init">> := Outcomes}, N) when N =< length(Outcomes) -> lists:nth(N, Outcomes);
outcome(#{<<"init">> := Outcomes}, _) -> lists:last(Outcomes);
outcome(_, _) -> <<"ok">>.

%% What OTP is going to refuse is not journalled: nothing happened.
come_up(Stage, Path, N, Flags, Specs) ->
    Auto = maps:get(auto_shutdown, Flags, never),
    case sound(Flags) andalso supervisor:check_childspecs(Specs, Auto) =:= ok of
        true -> journal(Stage, Path, N, <<"ok">>);
        false -> put(live, {Stage, Path, N})
    end,
    {ok, {Flags, Specs}}.

refuse(<<"ignore">>) -> ignore;
refuse(<<"bad_return">>) -> {ok, nonsense, nonsense};
refuse(#{<<"crash">> := Word}) -> error({crash, Word}).

journal(Stage, Path, N, Outcome) ->
    N = live_stage:count(Stage, Path),
    live_stage:enter(Stage, Path, N, sup),
    live_stage:event(#{<<"ev">> => <<"sup_init">>, <<"path">> => Path, <<"n">> => N,
                       <<"outcome">> => Outcome}),
    live_stage:shake().

sound(Flags) ->
    lists:all(fun sound_flag/1, maps:to_list(Flags)).

sound_flag({strategy, S}) ->
    lists:member(S, [one_for_one, one_for_all, rest_for_one, simple_one_for_one]);
sound_flag({intensity, I}) -> is_integer(I) andalso I >= 0;
sound_flag({period, P}) -> is_integer(P) andalso P > 0;
sound_flag({auto_shutdown, A}) -> lists:member(A, [never, any_significant, all_significant]).

flags(Sup) -> maps:fold(fun(K, V, Acc) -> Acc#{binary_to_atom(K) => word(V)} end, #{}, Sup).

word(Word) when is_binary(Word) -> binary_to_atom(Word);
word(Value) -> Value.

specs(Stage, Path, #{<<"template">> := Template}) ->
    Probe = maps:get(<<"probe">>, Template, #{}),
    [fields(#{id => child, start => {?MODULE, start_dynamic, [Stage, Path, Probe]}}, Template)];
specs(Stage, Path, Node) ->
    [spec(Stage, Path, Child) || Child <- maps:get(<<"children">>, Node, [])].

%% The child spec of a node, with all that is wrong with it.
spec(Stage, Path, Node) ->
    Id = maps:get(<<"id">>, Node, null),
    Start = {?MODULE, start, [Stage, join(Path, Id), Node]},
    Full = fields(#{id => Id, start => Start}, Node),
    Typed = case Node of
        #{<<"sup">> := _} -> maps:merge(#{type => supervisor}, Full);
        _ -> Full
    end,
    without(Id =:= null, id, without(maps:get(<<"no_start">>, Node, false), start, Typed)).

without(true, Key, Spec) -> maps:remove(Key, Spec);
without(false, _, Spec) -> Spec.

fields(Spec, Node) ->
    lists:foldl(fun(Key, Acc) ->
        case Node of
            #{Key := Value} -> Acc#{binary_to_atom(Key) => word(Value)};
            _ -> Acc
        end
    end, Spec, [<<"restart">>, <<"shutdown">>, <<"significant">>, <<"type">>]).
