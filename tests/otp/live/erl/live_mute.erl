%% A probe whose module has no info handler at all.
-module(live_mute).
-behaviour(gen_server).
-export([init/1, handle_continue/2, handle_call/3, handle_cast/2, terminate/2]).

init(Args) -> live_probe:init(Args).
handle_continue(What, State) -> live_probe:handle_continue(What, State).
handle_call(Request, From, State) -> live_probe:handle_call(Request, From, State).
handle_cast(Request, State) -> live_probe:handle_cast(Request, State).
terminate(Reason, State) -> live_probe:terminate(Reason, State).
