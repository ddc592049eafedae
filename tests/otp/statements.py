"""What "like OTP" means here: 287 statements, each to be shown by a test that has its number.

Levels: M must hold, S should hold unless a reason is written below, O is optional.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

Level = Literal["M", "S", "O"]

GROUPS = {
    "A": "Flags, child specs, validation",
    "B": "Starting a tree",
    "C": "Exit reasons and restart types",
    "D": "Strategies",
    "E": "Failure while restarting",
    "F": "Restart budget",
    "G": "Shutdown of children",
    "H": "Significant children",
    "I": "Administration",
    "J": "Dynamic supervisor",
    "K": "Start and init of an actor",
    "L": "Calls",
    "M": "Casts, infos, timeouts, stop",
    "N": "Links, monitors, exit signals",
    "O": "Names and registry",
    "P": "PubSub",
    "Q": "Task supervisor",
    "R": "Partition supervisor",
    "S": "Debugging a live actor",
    "T": "Reports and telemetry",
    "U": "Observer",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing that a runtime like OTP does."""

    number: int
    level: Level
    sentence: str
    group: str


_TEXT = """
= A
001 M The flags have written-down defaults, which a supervisor without flags gets.
002 M A spec of id and start alone is permanent, a worker, not significant, and has 5 s to stop.
003 M Intensity is a whole number from 0; the period is positive and finite.
004 M A shutdown is a time from 0, infinity or a brutal kill.
005 M A spec without id, or without start, is refused, each in its own words.
006 M Two initial children of one id are refused by that id before anything starts.
007 S Anything comparable is an id, and only within one supervisor must it be unique.
008 S An unknown field of a spec is an error.
009 M Flags or specs that are malformed, or raise, fail the start and leave nothing behind.
010 S A supervisor whose specs say ignore ends normally; its parent keeps the idle spec.
011 S A list of specs can be checked without a start.
012 S A component has its own spec, of which a user changes single fields.
013 M Significant needs auto shutdown and a child that is not permanent, also when added later.
014 O Start arguments of temporary children added later are not kept.
= B
015 M Children start one after another, in the order of the list.
016 M A child starts only when the init before it is through.
017 M A nested supervisor is up only with its whole subtree: depth first.
018 M A failed first start stops what runs in reverse and starts nothing after it.
019 M That start then fails with a shutdown that wraps the child's id and reason.
020 M A first start is never tried again, and costs no budget.
021 M A start function that raises or returns nonsense is a failed start, not a dead supervisor.
022 S A static child that says ignore stays as an idle spec.
023 S Unless it is temporary: then its spec goes.
024 O Extra information of a start reaches whoever asked for that start.
025 M A name held by the living fails a start with the holder; at boot it fails the supervisor.
026 S A failed start leaves no message and no monitor with the starter.
027 M A crash of a child is news to its supervisor, never its end.
028 S Exits of strangers and odd messages are dropped without a restart.
029 M When the parent ends, the supervisor ends its children in order, and itself with that reason.
030 S Every start that succeeds is reported, with its supervisor and child.
= C
031 M A permanent child is restarted after any end.
032 M A transient child stays down, with its spec, after a clean end.
033 M A transient child is restarted after any other end, a kill included.
034 M A temporary child and its spec are gone after any end.
035 M Ends that call for no restart use no budget.
036 M Clean are normal, shutdown, and shutdown with a detail; nothing else is.
037 S Ends of permanent children are all reported, of others only the abnormal ones.
038 M A restart begins from the first arguments; no state is carried over.
039 M The restarted process is another one: old handles miss it, names find it.
040 M What waited in a dead mailbox is lost, and the waiting callers hear of it.
= D
041 M One for one replaces the ended child alone.
042 M A restarted child keeps its place in the order.
043 M Rest for one replaces the failed child and those started after it.
044 M Those are stopped last first, then all are started in order.
045 M One for all stops all others in reverse and starts all in order.
046 M A child that needs no restart moves no sibling, under any strategy.
047 M A temporary sibling stopped by a strategy is gone for good.
048 M Other siblings stopped by a strategy come back.
049 S Idle siblings in range are started as well.
050 M A group restart costs one unit, whatever its size.
051 M Siblings are stopped by their own limits, which delays the restart.
052 M A restarted supervisor has its static children only.
053 S Ends during a restart are served after it, in order, and start no second one.
= E
054 M A child whose restart failed is "restarting", and a new try is queued.
055 M Between tries the supervisor answers and can be stopped.
056 M Every failed try costs a unit.
057 M There is no pause between tries, unless one is asked for.
058 M One for all: the next try stops what came up, in reverse, and begins at the first.
059 M Rest for one: the next try begins at the one that failed.
060 S Children after the failed one are idle meanwhile.
061 S Ignore in a restart is no failure: the child is idle, a dynamic one is gone.
062 M Terminating a restarting child calls its next try off.
063 S Every failed try is reported.
= F
064 M N restarts fit into one window; one more ends the supervisor.
065 M Intensity 0 allows none.
066 M The window slides.
067 S The edge of the window is fixed and written down: a stamp one period old counts.
068 M Only the monotonic clock counts.
069 M All children share one budget.
070 M Giving up stops the others in reverse, and the failed child is not restarted.
071 M A supervisor that gives up ends with shutdown.
072 M So its parent restarts it only when it is permanent.
073 M The giving up is reported first, once, with the offender.
074 M Starts and restarts by hand are free.
075 S A restarted supervisor has an empty window.
076 M When the root gives up, the program ends and says so.
= G
077 M Children are stopped in the reverse of their start.
078 M One at a time: their times add up.
079 M Asked, waited for, then killed: at the limit.
080 O Limit 0 asks and kills at once.
081 M A brutal kill does not ask, and runs no terminate.
082 M Infinity waits as long as it takes.
083 M A stopped child sees shutdown as its reason.
084 S A child without its link cannot hang the stop.
085 S An end of its own in the moment of the stop is told truly and restarts nothing.
086 S An unexpected reason while stopping is reported.
087 M A terminate that fails does not save the others from their stop.
088 M Nothing is restarted during a stop.
089 M The supervisor ends with the reason it was given, after its subtree; who asked waits.
090 S Idle and restarting children cost the stop no time.
091 S A limit of a supervisor that is lower than its children need gives a warning.
092 M The children of a killed supervisor end, and nobody waits for them.
= H
093 M Any significant: the first one that ends for good ends the supervisor.
094 M All significant: the last one does; a restarting one holds it up, an idle one does not.
095 M With auto shutdown off there is none of this.
096 M A significant transient child triggers by a clean end only.
097 M A significant temporary child triggers by any end.
098 M Terminating it by hand does not trigger.
099 M Nor does being stopped by a strategy.
100 M Children that are not significant never trigger.
101 S Such an end counts as clean one level up, and may climb.
102 S Added children follow the same rules.
103 S Dynamic and partition supervisors have no significant children.
= I
104 M An added child is started, handed over, and stands last in the order.
105 M The id of a running child is "already started", with the child.
106 M The id of an idle or restarting one is "already present".
107 M A failed added start leaves no spec and costs nothing.
108 M A terminated child is gone on return, its spec idle.
109 M Of a temporary one the spec goes, too.
110 S Terminating an idle child is fine, an unknown one is not found.
111 M A terminated child stays down.
112 M An idle child is restarted by hand at its old place.
113 M By hand, running, restarting and unknown children are refused in three ways.
114 S A start by hand that fails is told, and neither tried again nor counted.
115 M Only idle specs can be deleted.
116 M Every spec is listed with its child or state, kind and id.
117 M Specs, living, supervisors and workers are counted.
118 S A spec can be looked up by id.
119 M Requests are served one at a time, and a slow init delays them.
120 M A supervisor that is gone answers no process.
121 S A child that asks its own supervisor in its init is told of the deadlock.
122 O Flags and specs can be changed while it runs.
= J
123 M One for one, nothing at boot, children found by handle.
124 M Every start has a spec of its own.
125 M A maximum refuses at once; a restarting child holds its place.
126 S A child that says ignore leaves no entry.
127 M A child is terminated by handle and forgotten; a stranger is not found.
128 S There is no restart or delete by hand.
129 M The matrix is the same, but nothing stays idle.
130 M A failed restart is tried again, and counted.
131 M All children are stopped at once.
132 S Each is killed at its own limit.
133 M The budget is shared, 3 in 5 s unless set otherwise.
134 S The cost of N children grows about as N.
135 O Extra arguments of the supervisor come before a child's own.
136 M A restarted dynamic supervisor is empty.
= K
137 M Start returns when init is through; then calls are answered.
138 M Init may refuse with a reason, which start raises.
139 M A raise in init fails the start with cause and crash report.
140 M Init may say ignore.
141 M In all three cases the name is free before the starter hears of it.
142 M No terminate after a failed init.
143 S A start has a time limit that leaves nothing behind.
144 M A held name fails the start before init.
145 M A continue asked for by init runs before any message.
146 S Starts are linked, unlinked or monitored.
147 M A linked actor ends with its starter, unless it traps.
148 S A process knows its ancestors and its initial call.
149 O A process may have a label for people.
= L
150 M A call waits 5 s, or as long as it is told.
151 M When the callee ends, the caller hears its reason at once.
152 M A call to nobody fails at once.
153 M Calling or stopping oneself is refused at once.
154 S The error names target, request and reason.
155 M An uncaught timeout ends the caller, and the callee is not told.
156 M A late reply is dropped.
157 M A request is carried out though its caller has gone, unless that is ruled out.
158 O A reply in the moment of the timeout is taken.
159 M A reply may come later, and from anybody.
160 M A call without a reply yet does not stop the next messages.
161 M Stop with a reply: terminate first, then the reply, even if terminate crashes.
162 M A raising handler ends the actor, and its callers get the crash.
163 S A return outside of the protocol is a crash.
164 M An unknown call or cast is a crash; a plain message without a handler is logged.
165 M One message at a time.
166 M Messages from one to one keep their order.
167 S A request can be sent now and its reply fetched later, or given up.
168 M Replying to a gone caller does no harm.
169 M Two that call each other wait for the timeout, or are refused by a detector.
170 S No message overtakes another, but a continue.
= M
171 M A cast never fails and never waits.
172 M An actor may cast to itself.
173 M A plain message goes to the info handler.
174 M A continue runs right after its callback, and may ask for another.
175 S An idle timeout is called off by any message.
176 O Timeout 0 promises nothing about queued messages.
177 S A timer can be cancelled, and dies with its process.
178 M A callback may end the actor with a reason.
179 M Stop waits for the end, and raises when it was another than asked for.
180 M Terminate runs on a stop, a crash of a callback, a parent's exit, a system terminate.
181 M It does not run on a kill, after a failed init, on a signal that is not trapped.
182 S A raise in terminate replaces the reason.
183 M Messages left at the end are not handled.
184 M Clean ends are silent, others are logged with what is known.
185 S State, messages and reason can be redacted.
186 O A thrown value counts as a return.
187 M State lives in the loop, and goes with it.
188 S Debug functions see in, out and change, and cost nothing when off.
= N
189 M A link is mutual, and two are one.
190 M A normal end ends no peer.
191 M Any other end goes on through links.
192 M Who traps exits gets a message in their place.
193 S An exit signal can be sent; normal is ignored.
194 M A kill cannot be trapped.
195 S The reason killed, by link, can be.
196 S A link to the dead is told as no process.
197 M A monitor gives one Down.
198 M Two monitors give two.
199 M Of the dead there is one at once.
200 M Demonitor with flush leaves none.
201 S A Down comes after what the dead had sent.
202 M Names are free before anybody hears of an end.
203 S A crash has its exception and stack, a clean end has none.
204 M A parent's exit ends a trapping actor through terminate; others reach its handler.
205 S No monitor is left when either side is gone.
= O
206 M A held unique key is refused with its holder.
207 M A duplicate key has many owners, and an owner many entries.
208 S A process registers itself.
209 M All entries of a process go at its end.
210 S They are gone before anybody hears of it.
211 M The key of a dead holder can be taken.
212 S Entries have values, which only their owner updates.
213 S Lookup, keys, values, match, select, count and unregister.
214 M Dispatch runs in the caller, for entries only.
215 S Listeners hear of every register and unregister.
216 M A name in a registry is good wherever a handle is.
217 M Of two starts under one name one wins, and the other hears who.
218 O A lock by key, freed when its holder dies.
219 S When a registry ends, so do the registered.
220 M A registry starts before those who register.
221 O A registry has metadata.
= P
222 M Every subscriber gets every message of its topic.
223 S Two subscriptions are two copies; unsubscribe ends both.
224 M A subscription ends with its process.
225 M A broadcast to nobody is fine.
226 S The sender can be left out.
227 M A broadcast waits for nobody; what does not fit is dropped by policy, and counted.
228 S One publisher's messages keep their order.
229 O A local broadcast stays on its node.
230 O A message can be encoded once for many.
231 M Nothing from before the subscription; so state is read after it.
= Q
232 M Tasks are temporary: a crash is reported, not restarted.
233 M An async task and its caller are linked.
234 M An unlinked one leaves the caller alone.
235 M A started child owes no reply and outlives its starter.
236 S Only its owner awaits a task.
237 M Await waits 5 s, ends an uncautious caller, and works once.
238 S Yield gives a value, an exit, or nothing yet, and can be repeated.
239 S Shutdown stops a task, or returns what had come.
240 S Many can be awaited under one deadline.
241 M A stream bounds how many run, their order and their time.
242 M A reader that stops leaves no task.
243 S Input is taken only for free slots.
244 S A task knows its callers.
245 S A full supervisor refuses.
246 S A task whose owner dies early ends cleanly.
247 S The crash report says who wanted what.
248 O An ignored task goes on alone.
= R
249 S N copies of one child, numbered from 0.
250 S A key is always routed alike, without a salt.
251 S A routed name is good for every message.
252 O A child can know its number.
253 O The number in use can be changed.
254 S A crashed partition comes back under its number, 3 times in 5 s.
= S
255 M The state can be read, between two messages.
256 M It can be replaced, or left alone when that raises.
257 M A suspended actor handles system messages only, and goes on in order.
258 S Its callers time out, and its supervisor can stop it.
259 S A status tells what it is and how it is.
260 S A log keeps the last events.
261 S A trace prints them.
262 S Statistics count them.
263 S Own debug functions can be put in; one that raises is taken out.
264 O All can be taken out at once.
265 S It can be terminated by a system message.
266 O Code is changed only while suspended.
267 S All this works on supervisors.
268 M System messages wait in line, or a side lane is written down.
= T
269 M A crash report has who, what, why and what was linked.
270 S One crash gives one crash report and one supervisor report.
271 M A supervisor report has context, reason and offender.
272 M Clean ends give none.
273 S Reports are bounded.
274 S Handlers have unique ids.
275 M Handlers run in the emitter and do not wait.
276 M A raising handler is taken off and reported.
277 S A span is a start and a stop, or an exception.
278 O Handlers are listed by prefix.
= U
279 M The tree can be walked, and one stuck node does not stop that.
280 M A process tells its particulars.
281 S Processes can be listed, sorted and filtered.
282 S The stack of a process can be seen.
283 S Actions need to be allowed.
284 S The system has a page of figures over time.
285 S Events are drawn live.
286 O Tables, pools and sockets can be seen.
287 S Looking changes nothing.
"""

LEFT_OUT: dict[int, str] = {
    186: "Python's return is the only return: an exception is a crash, whatever it holds",
    266: "no code is changed in a living process: a restart reads its state from the database",
}
"""Statements without a test, and why; none of level M."""


def _read(text: str) -> dict[int, Statement]:
    found: dict[int, Statement] = {}
    group = ""
    for line in text.strip().splitlines():
        if line.startswith("="):
            group = line[2:]
            continue
        number, level, sentence = line.split(" ", 2)
        found[int(number)] = Statement(int(number), cast("Level", level), sentence, group)
    return found


STATEMENTS = _read(_TEXT)
