%% Plays a file of scenarios, several side by side, and writes what was recorded.
-module(live_batch).
-export([main/0]).

%% Arguments after -extra: the file to read, the file to write, how many side by side.
main() ->
    [In, Out, Slots] = init:get_plain_arguments(),
    {ok, Packed} = file:read_file(In),
    live_log:install(),
    Items = lists:enumerate(binary_to_term(Packed)),
    Done = pool(Items, list_to_integer(Slots)),
    Recorded = [Value || {_, Value} <- lists:keysort(1, Done)],
    ok = file:write_file(Out, term_to_binary(Recorded, [{minor_version, 2}])),
    halt(0).

pool(Items, Slots) -> pool(Items, lists:seq(1, Slots), #{}, []).

pool([], _, Busy, Done) when map_size(Busy) =:= 0 -> Done;
pool([Item | Items], [Slot | Free], Busy, Done) ->
    {_, Ref} = spawn_monitor(fun() -> play(Item, Slot) end),
    pool(Items, Free, Busy#{Ref => {Item, Slot}}, Done);
pool(Items, Free, Busy, Done) ->
    receive
        {'DOWN', Ref, process, _, Ended} ->
            {{{Number, _}, Slot}, Rest} = maps:take(Ref, Busy),
            Recorded = case Ended of
                {recorded, Value} -> Value;
                _ -> #{<<"failed">> => iolist_to_binary(io_lib:format("~0p", [Ended]))}
            end,
            pool(Items, [Slot | Free], Rest, [{Number, Recorded} | Done])
    end.

play({_, #{<<"scenario">> := Scenario, <<"shaken">> := Shaken}}, Slot) ->
    exit({recorded, live_play:run(Scenario, Slot, Shaken)}).
