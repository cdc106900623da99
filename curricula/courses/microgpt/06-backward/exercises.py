"""Backward: two calls by hand, a good order, the method itself, what to buy for a bicycle."""

from collections import deque

from curricula import subject
from curricula.exercise import Exercise, Mutant


# ---- Predict: once, and once more ---------------------------------------------------------------
def calls_draw(rng):
    while True:
        a, b = rng.sample([-4, -3, -2, 2, 3, 4, 5], 2)
        k = rng.randint(2, 6)
        lines = [
            ["c", "*", *rng.sample("ab", 2)],
            rng.choice([["d", s, "c", x] for s in "*+" for x in ("a", "b", k)]),
            rng.choice([["e", "*", "d", "c"], ["e", "+", "d", "c"], ["e", "*", "c", "d"]]),
            rng.choice([["f", s, "e", x] for s in "*+" for x in ("d", "c", "a", "b")]),
        ]
        p = {"a": a, "b": b, "lines": lines}
        ways = [calls(p), *(calls_astray(p, how) for how in CALL_BELIEFS)]
        biggest = max(abs(x) for row in ways[0] for x in row)
        apart = all(way != other for i, way in enumerate(ways) for other in ways[:i])
        if apart and biggest < 2000 and all(x for row in ways[0] for x in row):
            return p


def calls(p):
    """With the taught file's own backward, called twice."""
    made = {name: subject.load().Value(float(p[name])) for name in "ab"}
    for name, sign, x, y in p["lines"]:
        y = made.get(y, y)
        made[name] = made[x] * y if sign == "*" else made[x] + y
    rows = []
    for _ in range(2):
        made["f"].backward()
        rows.append([made[name].grad for name in "abcde"])
    return rows


CALL_BELIEFS = ("overwrites", "twice-is-double", "fresh-by-itself", "passed-on-too-early")


def calls_astray(p, belief):
    data, links = {"a": p["a"], "b": p["b"]}, {"a": [], "b": []}
    for name, sign, x, y in p["lines"]:
        u, v = data[x], data.get(y, y)
        data[name] = u * v if sign == "*" else u + v
        slopes = (v, u) if sign == "*" else (1, 1)
        links[name] = [(t, s) for t, s in zip((x, y), slopes, strict=True) if t in data]
    grad = dict.fromkeys(data, 0)

    def recurse(name):
        for parent, slope in links[name]:
            grad[parent] += slope * grad[name]
            recurse(parent)

    rows = []
    for _ in range(2):
        grad["f"] = 1
        if belief == "passed-on-too-early":
            recurse("f")
        else:
            if rows and belief == "fresh-by-itself":
                grad.update(dict.fromkeys("abcde", 0))
            if rows and belief == "twice-is-double":
                rows.append([2 * x for x in rows[0]])
                break
            for name in "fedcba":
                for parent, slope in links[name]:
                    before = 0 if belief == "overwrites" else grad[parent]
                    grad[parent] = before + slope * grad[name]
        rows.append([grad[name] for name in "abcde"])
    return rows


CALLS_CLASS = """\
class V:
    def __init__(self, data, links=()):
        self.data, self.links, self.grad = data, links, 0

    def __add__(self, other):
        other = other if isinstance(other, V) else V(other)
        return V(self.data + other.data, [(self, 1), (other, 1)])

    def __mul__(self, other):
        other = other if isinstance(other, V) else V(other)
        return V(self.data * other.data, [(self, other.data), (other, self.data)])

a, b = V({{ p.a }}), V({{ p.b }})
{% for name, sign, x, y in p.lines %}
{{ name }} = {{ x }} {{ sign }} {{ y }}
{% endfor %}
answer = []
for call in range(2):
    f.grad = 1
    for node in (f, e, d, c):
        for parent, slope in node.links:
            parent.grad += slope * node.grad
    answer.append([node.grad for node in (a, b, c, d, e)])
"""
CALLS_NUDGED = """\
LINES = {{ p.lines }}

def run(start, held=None, push=0):
    at = dict(start)
    for name, sign, x, y in LINES:
        u, v = at[x], at.get(y, y)
        at[name] = u * v if sign == "*" else u + v
        if name == held:
            at[name] += push
    return at

def pull(of, on):  # slope of one name for another, along all ways
    h = 1e-3
    start = {"a": {{ p.a }}, "b": {{ p.b }}}
    if on in start:
        up = run({**start, on: start[on] + h})[of]
        down = run({**start, on: start[on] - h})[of]
    else:
        up, down = run(start, on, h)[of], run(start, on, -h)[of]
    return (up - down) / (2 * h)

def direct(of, on):
    name, sign, x, y = [line for line in LINES if line[0] == of][0]
    at = run({"a": {{ p.a }}, "b": {{ p.b }}})
    out = 0
    if x == on:
        out += at.get(y, y) if sign == "*" else 1
    if y == on:
        out += at[x] if sign == "*" else 1
    return out

first = [round(pull("f", name)) for name in "abcde"]
second = {"f": 1}
for place, name in reversed(list(enumerate("abcde"))):
    later = [n for n in "cdef" if n > name]
    second[name] = first[place] + sum(direct(n, name) * second[n] for n in later)
answer = [first, [second[name] for name in "abcde"]]
"""
CALLS_ADJOINT = """\
at = {"a": {{ p.a }}, "b": {{ p.b }}}
uses = []
for name, sign, x, y in {{ p.lines }}:
    u, v = at[x], at.get(y, y)
    at[name] = u * v if sign == "*" else u + v
    uses.append((name, x, v if sign == "*" else 1))
    uses.append((name, y, u if sign == "*" else 1))
grads = {name: 0 for name in at}

def sweep():
    grads["f"] = 1
    for name, ingredient, slope in sorted(uses, key=lambda use: use[0], reverse=True):
        if ingredient in grads:
            grads[ingredient] += slope * grads[name]
    return [grads[name] for name in sorted(grads) if name != "f"]

answer = [sweep(), sweep()]
"""
CALLS = Exercise(
    id="once-and-once-more",
    skill="walk-backwards",
    entry="answer",
    draw=calls_draw,
    cases=lambda rng, p: [[]],
    reference=calls,
    misconceptions={b: lambda p, b=b: calls_astray(p, b) for b in CALL_BELIEFS},
    solutions=(CALLS_CLASS, CALLS_NUDGED, CALLS_ADJOINT),
    mutants=(
        Mutant(name="= for +=", find="parent.grad += slope", replace="parent.grad = slope",
               stands_for="overwrites"),
        Mutant(name="the first, doubled", of=1, find='[second[name] for name in "abcde"]',
               replace="[2 * x for x in first]", stands_for="twice-is-double"),
        Mutant(name="emptied before the second", find="    f.grad = 1",
               replace="    a.grad = b.grad = c.grad = d.grad = e.grad = 0\n    f.grad = 1",
               stands_for="fresh-by-itself"),
        Mutant(name="plain recursion", stands_for="passed-on-too-early",
               source=CALLS_CLASS[: CALLS_CLASS.index("    for node in (f,")]
               + "    def back(node):\n        for parent, slope in node.links:\n"
               "            parent.grad += slope * node.grad\n            back(parent)\n"
               "    back(f)\n    answer.append([node.grad for node in (a, b, c, d, e)])\n"),
        Mutant(name="from the front", find="(f, e, d, c):", replace="(c, d, e, f):"),
        Mutant(name="slopes crossed", find="[(self, other.data), (other, self.data)]",
               replace="[(self, self.data), (other, other.data)]"),
        Mutant(name="only one call", of=2, find="[sweep(), sweep()]", replace="[sweep()]"),
        Mutant(name="the order of the names turned", of=2,
               find='[grads[name] for name in sorted(grads) if name != "f"]',
               replace='[grads[name] for name in "edcba"]'),
        Mutant(name="the start also adds up", of=2, find='grads["f"] = 1',
               replace='grads["f"] += 1'),
    ),
)  # fmt: skip


# ---- Faded: in good order -----------------------------------------------------------------------
def order_draw(rng):
    return {
        "first": rng.choice(["inputs", "result"]),
        "inputs": rng.choice(["listed", "left out"]),
        "frozen": rng.choice("fghkqz"),
    }


def order_cases(rng, p):
    frozen = p["frozen"]
    cases = [[{"n0": [], "n1": ["n0", "n0"]}, "n1"]]
    cases.append([{"a": [], "b": ["a"], "c": ["a", "b"], "d": ["b", "c"]}, "d"])
    cases.append([{"a": [], "b": ["a"], "c": ["a", "b"], "d": ["c", "b", "a"]}, "d"])
    icy = {"a": [], f"{frozen}1": ["a"], "b": [], "c": ["b", f"{frozen}1"], "d": ["c", "b"]}
    cases.append([icy, "d"])
    for size in (6, 9, 14, 30):
        names = [f"{rng.choice(['n', 'm', 'n', frozen])}{i}" for i in range(size)]
        rng.shuffle(names)
        names[0], names[-1] = "start", "end"
        graph = {
            name: [rng.choice(names[max(0, i - 6) : i]) for _ in range(rng.randint(1, 3))]
            for i, name in enumerate(names)
            if i
        }
        graph["start"] = []
        graph["end"] = [*graph["end"], "start", names[-2]]
        entries = list(graph.items())
        rng.shuffle(entries)
        cases.append([dict(entries), "end"])
    cases.append([{"n0": [], **{f"n{i}": [f"n{i - 1}"] for i in range(1, 1200)}}, "n1199"])
    return cases


def reached(p, graph, result, *, through_ice=False):
    found, stack = {}, [result]
    while stack:
        node = stack.pop()
        if node not in found and (through_ice or not node.startswith(p["frozen"])):
            found[node] = None
            stack += graph[node]
    return found


def wanted(p, graph, result):
    kept = reached(p, graph, result)
    return {node for node in kept if graph[node] or p["inputs"] == "listed"}


def in_order(p, graph, answer, *, turned=False):
    """Whether every node stands on the right side of each of its parents."""
    place = {node: i for i, node in enumerate(answer)}
    inputs_first = (p["first"] == "inputs") != turned
    return all(
        parent not in place or (place[parent] < place[node]) == inputs_first
        for node in place
        for parent in graph.get(node, [])
    )


def order_reference(p, graph, result):
    """The taught file's own walk, found out by asking which grads arrive when."""
    gpt = subject.load()
    found, stack, seen = [], [result], set()
    while stack:
        node = stack.pop()
        if node is None:
            found.append(stack.pop())
        elif node not in seen and not node.startswith(p["frozen"]):
            seen.add(node)
            stack += (node, None, *graph[node])
    values = {}
    for node in found:  # each must find its parents made already
        parents = [values[n] for n in graph[node] if not n.startswith(p["frozen"])]
        values[node] = gpt.Value(0.0, tuple(parents), (1.0,) * len(parents))
    values[result].backward()
    asked_for = wanted(p, graph, result)
    kept = [n for n in found if values[n].grad > 0 and n in asked_for]
    return kept if p["first"] == "inputs" else kept[::-1]


def order_check(p, case, answer):
    graph, result = case
    if not isinstance(answer, list) or not all(isinstance(x, str) for x in answer):
        return "the answer is no list of names"
    if len(set(answer)) != len(answer):
        return "a name stands there more than once"
    if set(answer) != wanted(p, graph, result):
        return "it does not hold just the names asked for"
    return "" if in_order(p, graph, answer) else "the order breaks the rule"


def names_once(p, case, answer):
    good = isinstance(answer, list) and all(isinstance(x, str) for x in answer)
    return good and len(set(answer)) == len(answer)


def shows_wrong_end(p, case, answer):
    graph = case[0]
    right = names_once(p, case, answer) and set(answer) == wanted(p, *case)
    return right and in_order(p, graph, answer, turned=True)


def shows_meeting(p, case, answer):
    right = names_once(p, case, answer) and set(answer) == wanted(p, *case)
    return right and not in_order(p, case[0], answer, turned=True)


def shows_twice(p, case, answer):
    return isinstance(answer, list) and set(answer) == wanted(p, *case)


def shows_ice(p, case, answer):
    graph = case[0]
    met = reached(p, *case, through_ice=True)
    cold = {n for n in met if n.startswith(p["frozen"])}
    warm = {n for n in met if (graph[n] or p["inputs"] == "listed")}
    return names_once(p, case, answer) and set(answer) in (warm, warm - cold)


def shows_inputs(p, case, answer):
    other = "left out" if p["inputs"] == "listed" else "listed"
    return names_once(p, case, answer) and set(answer) == wanted({**p, "inputs": other}, *case)


ORDER_MARKS = """\
def order(made_from, result):
    found, seen, stack = [], set(), [result]
    while stack:
        node = stack.pop()
        if node is None:
            found.append(stack.pop())
        elif node not in seen and node[0] != "{{ p.frozen }}":
            seen.add(node)
            stack += [node, None, *made_from[node]]
    {% if p.inputs == "left out" %}
    found = [node for node in found if made_from[node]]
    {% endif %}
    return {{ "found" if p.first == "inputs" else "found[::-1]" }}
"""
ORDER_WAITING = """\
from collections import Counter, deque

def order(made_from, result):
    behind, todo = {result}, [result]
    while todo:
        for parent in made_from[todo.pop()]:
            if parent not in behind and not parent.startswith("{{ p.frozen }}"):
                behind.add(parent)
                todo.append(parent)
    waits = Counter(parent for node in behind for parent in made_from[node])
    ready, found = deque([result]), deque()
    while ready:
        node = ready.popleft()
        if made_from[node]{{ " or True" if p.inputs == "listed" else "" }}:
            found.{{ "appendleft" if p.first == "inputs" else "append" }}(node)
        for parent in made_from[node]:
            waits[parent] -= 1
            if waits[parent] == 0 and parent in behind:
                ready.append(parent)
    return list(found)
"""
ORDER_HEIGHT = """\
def order(made_from, result):
    height, path = {}, [result]
    while path:
        node = path[-1]
        parents = [x for x in made_from[node] if x[:1] != "{{ p.frozen }}"]
        open_ones = [x for x in parents if x not in height]
        if open_ones:
            path.append(open_ones[0])
        else:
            height[node] = 1 + max([height[x] for x in parents], default=0)
            path.pop()
    names = {{ "list(height)" if p.inputs == "listed" else "[x for x in height if made_from[x]]" }}
    return sorted(names, key=lambda x: {{ "" if p.first == "inputs" else "-" }}height[x])
"""
ORDER = Exercise(
    id="in-good-order",
    skill="walk-backwards",
    entry="order",
    draw=order_draw,
    cases=order_cases,
    reference=order_reference,
    check=order_check,
    misconceptions={
        "wrong-end-first": shows_wrong_end,
        "met-is-ready": shows_meeting,
        "every-meeting-counts": shows_twice,
        "frozen-is-only-a-name": shows_ice,
        "inputs-mixed-up": shows_inputs,
    },
    solutions=(ORDER_MARKS, ORDER_WAITING, ORDER_HEIGHT),
    mutants=(
        Mutant(name="the wrong end", find='p.first == "inputs"', replace='p.first != "inputs"',
               stands_for="wrong-end-first"),
        Mutant(name="listed when met", stands_for="met-is-ready", source=ORDER_MARKS.replace(
            "        if node is None:\n            found.append(stack.pop())\n        elif",
            "        if")
            .replace("[node, None, *made_from[node]]", "made_from[node]")
            .replace("            seen.add(node)\n",
                     "            seen.add(node)\n            found.append(node)\n")
            .replace('p.first == "inputs"', 'p.first != "inputs"')),
        Mutant(name="listed at every meeting", stands_for="every-meeting-counts",
               find="        elif node not in seen", replace="        elif node in seen:\n"
               "            found.append(node)\n        elif node not in seen"),
        Mutant(name="what is frozen is listed", find=' and node[0] != "{{ p.frozen }}"', replace="",
               stands_for="frozen-is-only-a-name"),
        Mutant(name="inputs the other way", find='p.inputs == "left out"',
               replace='p.inputs == "listed"', stands_for="inputs-mixed-up"),
        Mutant(name="the result forgotten", of=1, find="deque([result]), deque()",
               replace="deque(made_from[result]), deque()"),
        Mutant(name="sorted by name", of=2, find="key=lambda x:", replace="key=lambda x: x or"),
        Mutant(name="recursion", source="def order(made_from, result, found=None):\n"
               "    found = [] if found is None else found\n"
               "    if result[0] != '{{ p.frozen }}' and result not in found:\n"
               "        for parent in made_from[result]:\n"
               "            order(made_from, parent, found)\n        found.append(result)\n"
               "    return found\n"),
        Mutant(name="in the order of the dict", source="def order(made_from, result):\n"
               "    return [x for x in made_from if x[0] != '{{ p.frozen }}']\n"),
    ),
)  # fmt: skip


# ---- Write: backward ----------------------------------------------------------------------------
BACKWARD_DRIVER = """\
import gc
import sys

def counted(call):
    left = 100_000  # lines; one visit to each of these few numbers takes far fewer
    def trace(frame, event, argument):
        nonlocal left
        left -= 1
        if left < 0:
            trace.over = True  # else its end would be taken for the learner's doing
            raise RecursionError("it goes along every single way")
        return trace
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)

def searched():
    return sum(one["collected"] + one["uncollectable"] for one in gc.get_stats())

def kinds():
    gc.callbacks.clear()
    gc.set_debug(0)
    gc.unfreeze()  # what is frozen is neither listed nor searched
    found = {}
    for one in gc.get_objects():
        kind = id(type(one))  # a class may say of itself that it equals another
        found[kind] = found.get(kind, 0) + 1
    return found

def drive(entry, grad, starts, steps, calls, watched):
    if watched:
        kinds()
        gc.collect()
        gc.disable()
        there, before = kinds(), searched()
    try:
        made = [entry(x) for x in starts]
        for op, i, other in steps:
            x = made[i]
            y = made[other] if isinstance(other, int) and op in "+*" else other
            if op == "deep":
                for _ in range(other):
                    x = x * 0.5 + 1.0
            elif op == "double":
                for _ in range(other):
                    x = x * 0.25 + x * 0.75
            else:
                y = y[0] if isinstance(y, list) else y
                x = x + y if op == "+" else x * y if op == "*" else x ** y
            made.append(x)
        winding = any(step[0] == "double" for step in steps)
        for i in calls:
            counted(made[i].backward) if winding else made[i].backward()
        grads = [getattr(x, grad) for x in made]
        made_of = {id(type(one)) for one in made}
        made = x = y = None
        if not watched:
            return [grads, 0]
        now = kinds()
        kept = sum(max(0, now.get(one, 0) - there.get(one, 0)) for one in made_of)
        gc.collect()
        return [grads, kept + searched() - before]
    finally:
        gc.enable()
"""


def backward_draw(rng):
    return {
        "parents": rng.choice(["made_from", "inputs", "sources", "origins"]),
        "grad": rng.choice(["pull", "slope", "effect", "blame"]),
        "start": rng.choice([0.5, 1.5, 2.0, 2.5, 3.0, 4.0]),
        "twice": rng.choice(["fresh", "gather"]),
    }


def backward_cases(rng, p):
    small = [
        [[3.0, 2.0], [["*", 0, 1]], [2], 0],
        [[3.0], [["*", 0, 0]], [1], 0],
        [[3.0, 2.0], [["*", 0, 1], ["+", 2, 0], ["*", 3, 2]], [4], 0],
        [[3.0, 2.0], [["*", 0, 1], ["+", 2, 0], ["*", 2, 3]], [4, 4], 0],
        [[2.0, 0.5], [["*", 0, 1], ["*", 2, 2], ["+", 2, 0], ["**", 4, [3]]], [3, 5], 0],
    ]
    cases = [[p["grad"], *case] for case in small]
    for size in (4, 6, 9, 12):
        starts, steps = [round(rng.uniform(-1.5, 1.5), 2) for _ in range(3)], []
        for n in range(size):
            last, op = 2 + n, rng.choice("+*+**")
            other = rng.choice([rng.randrange(3 + n), rng.randrange(3 + n), [0.5]])
            steps.append([op, last, other] if rng.random() < 0.8 else ["**", last, [2]])
        end = 2 + size
        calls = [end, rng.randrange(3, end), end]
        cases.append([p["grad"], starts, steps, calls[: rng.randint(1, 3)], int(size == 9)])
    # So many ways that no program goes along each before the time is over, counted or not.
    cases.append([p["grad"], [1.5, 2.0], [["*", 0, 1], ["double", 2, 30]], [3], 0])
    cases.append([p["grad"], [1.5, 2.0], [["*", 0, 1], ["deep", 2, 600], ["+", 3, 0]], [4], 0])
    return cases


def backward(p, grad, starts, steps, calls, watched):
    """The taught file's own graph; only what is emptied before a call differs."""
    value = subject.load().Value
    made = [value(x) for x in starts]
    for op, i, other in steps:
        made.append(stepped(made, op, i, other))
    for i in calls:
        for node in behind(made[i], lambda node: node.parents):
            if node.parents or p["twice"] == "fresh":
                node.grad = 0.0
        (made[i] * p["start"]).backward()
    return [[x.grad for x in made], 0]


def behind(end, parents):
    seen, queue = {end: None}, deque([end])
    while queue:
        for parent in parents(queue.popleft()):
            if parent not in seen:
                seen[parent] = None
                queue.append(parent)
    return list(seen)  # the nearest first


def stepped(made, op, i, other):
    x = made[i]
    y = made[other] if isinstance(other, int) and op in "+*" else other
    if op == "deep":
        for _ in range(other):
            x = x * 0.5 + 1.0
        return x
    if op == "double":
        for _ in range(other):
            x = x * 0.25 + x * 0.75
        return x
    y = y[0] if isinstance(y, list) else y
    return x + y if op == "+" else x * y if op == "*" else x**y


class Node:
    """For the beliefs: the same graph, with numbers in place of names."""

    def __init__(self, data, links=()):
        self.data, self.links, self.grad = data, links, 0.0

    def __add__(self, other):
        other = other if isinstance(other, Node) else Node(other)
        return Node(self.data + other.data, ((self, 1.0), (other, 1.0)))

    def __mul__(self, other):
        other = other if isinstance(other, Node) else Node(other)
        return Node(self.data * other.data, ((self, other.data), (other, self.data)))

    def __pow__(self, n):
        return Node(self.data**n, ((self, n * self.data ** (n - 1)),))


def too_early(end):
    """What plain recursion does, step for step; a deep one ends as recursion does."""
    stack, steps = [(end, iter(end.links))], 0
    while stack:
        steps += 1
        node, links = stack[-1]
        step = next(links, None)
        if step is None:
            stack.pop()
            continue
        step[0].grad += step[1] * node.grad
        stack.append((step[0], iter(step[0].links)))
        if len(stack) > 950 or steps > 30_000:
            raise RecursionError


def as_made(end):
    """Nodes so that each comes before its parents."""
    order, seen, stack = [], set(), [(end, False)]
    while stack:
        node, done = stack.pop()
        if done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack += [(node, True), *((parent, False) for parent, _ in node.links)]
    return order[::-1]


def backward_astray(p, starts, steps, calls, belief):
    made = [Node(x) for x in starts]
    for op, i, other in steps:
        made.append(stepped(made, op, i, other))
    keeps = p["twice"] if belief != "the-other-memory" else ""
    for i in calls:
        nodes = behind(made[i], lambda node: [parent for parent, _ in node.links])
        for node in nodes if belief != "never-emptied" else []:
            if (keeps == "fresh" or node.links) or (not keeps and p["twice"] == "gather"):
                node.grad = 0.0
        made[i].grad = 1.0 if belief == "starts-at-one" else p["start"]
        if belief == "passed-on-too-early":
            too_early(made[i])
            continue
        for node in nodes if belief == "met-is-ready" else as_made(made[i]):
            for parent, slope in node.links:
                before = 0.0 if belief == "overwrites" else parent.grad
                parent.grad = before + slope * node.grad
    return [[x.grad for x in made], 0]


BACKWARD_HEAD = """\
class Number:
    def __init__(self, data, parents=(), slopes=()):
        self.data = data
        self.{{ p.parents }} = parents
        self.slopes = slopes
        self.{{ p.grad }} = 0.0

    def __add__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        return Number(self.data + other.data, (self, other), (1.0, 1.0))

    def __mul__(self, other):
        other = other if isinstance(other, Number) else Number(other)
        return Number(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Number(self.data ** n, (self,), (n * self.data ** (n - 1),))

"""
BACKWARD_MARKS = (
    BACKWARD_HEAD
    + """\
    def backward(self):
        order, seen, stack = [], set(), [self]
        while stack:
            node = stack.pop()
            if node is None:
                order.append(stack.pop())
            elif node not in seen:
                seen.add(node)
                stack += [node, None, *node.{{ p.parents }}]
        for node in order:
            {% if p.twice == "fresh" %}
            node.{{ p.grad }} = 0.0
            {% else %}
            if node.{{ p.parents }}:
                node.{{ p.grad }} = 0.0
            {% endif %}
        self.{{ p.grad }} = {{ p.start }}
        for node in reversed(order):
            for parent, slope in zip(node.{{ p.parents }}, node.slopes):
                parent.{{ p.grad }} += slope * node.{{ p.grad }}
"""
)
BACKWARD_WAITS = (
    "from collections import Counter\n\n"
    + BACKWARD_HEAD
    + """\
    def backward(self):
        met, todo = {self}, [self]
        uses = Counter()
        while todo:
            for parent in todo.pop().{{ p.parents }}:
                uses[parent] += 1
                if parent not in met:
                    met.add(parent)
                    todo.append(parent)
        sums = Counter()
        sums[self] = {{ p.start }}
        ready = [self]
        while ready:
            node = ready.pop()
            own = sums[node]
            if node.{{ p.parents }} {{ "" if p.twice == "gather" else "or True" }}:
                node.{{ p.grad }} = own
            else:
                node.{{ p.grad }} += own
            for parent, slope in zip(node.{{ p.parents }}, node.slopes):
                sums[parent] += own * slope
                uses[parent] -= 1
                if not uses[parent]:
                    ready.append(parent)
"""
)
BACKWARD_SERIAL = (
    "import heapq\nfrom itertools import count\n\nserial = count()\n\n"
    + BACKWARD_HEAD.replace(
        "        self.data = data\n", "        self.data = data\n        self.age = -next(serial)\n"
    )
    + """\
    def backward(self):
        arrived, heap = {self.age: [self, {{ p.start }}]}, [self.age]
        while heap:
            node, total = arrived.pop(heapq.heappop(heap))
            if not node.{{ p.parents }} and "{{ p.twice }}" == "gather":
                total += node.{{ p.grad }}
            node.{{ p.grad }} = total
            for place, parent in enumerate(node.{{ p.parents }}):
                if parent.age not in arrived:
                    arrived[parent.age] = [parent, 0.0]
                    heapq.heappush(heap, parent.age)
                arrived[parent.age][1] += node.slopes[place] * total
"""
)
BACKWARD_BELIEFS = (
    *("overwrites", "never-emptied", "starts-at-one", "the-other-memory"),
    *("passed-on-too-early", "met-is-ready"),
)
BACKWARD_ORDER = BACKWARD_MARKS[
    BACKWARD_MARKS.index("        order, seen") : BACKWARD_MARKS.index("        for node in order:")
]
BACKWARD = Exercise(
    id="write-backward",
    skill="write-the-chain-rule",
    entry="Number",
    draw=backward_draw,
    cases=backward_cases,
    reference=backward,
    driver=BACKWARD_DRIVER,
    tolerance=1e-9,
    misconceptions={
        b: lambda p, _, starts, steps, calls, __, b=b: backward_astray(p, starts, steps, calls, b)
        for b in BACKWARD_BELIEFS
    },
    solutions=(BACKWARD_MARKS, BACKWARD_WAITS, BACKWARD_SERIAL),
    mutants=(
        Mutant(name="= for +=", find="parent.{{ p.grad }} += slope",
               replace="parent.{{ p.grad }} = slope", stands_for="overwrites"),
        Mutant(name="never emptied", find="        for node in order:",
               replace="        for node in []:", stands_for="never-emptied"),
        Mutant(name="starts at one", find="self.{{ p.grad }} = {{ p.start }}",
               replace="self.{{ p.grad }} = 1.0", stands_for="starts-at-one"),
        Mutant(name="keeps what it should not", find='p.twice == "fresh"',
               replace='p.twice != "fresh"', stands_for="the-other-memory"),
        Mutant(name="plain recursion", stands_for="passed-on-too-early", source=BACKWARD_MARKS[
            : BACKWARD_MARKS.index("        for node in reversed")]
            + "        self.pass_on()\n\n    def pass_on(self):\n"
            "        for parent, slope in zip(self.{{ p.parents }}, self.slopes):\n"
            "            parent.{{ p.grad }} += slope * self.{{ p.grad }}\n"
            "            parent.pass_on()\n"),
        Mutant(name="nearest first", stands_for="met-is-ready", source=BACKWARD_MARKS.replace(
            BACKWARD_ORDER, "        order = [self]\n        for node in order:\n"
            "            for x in node.{{ p.parents }}:\n                if x not in order:\n"
            "                    order.append(x)\n").replace("reversed(order)", "order")),
        Mutant(name="right, along every single way", source=BACKWARD_MARKS[
            : BACKWARD_MARKS.index("        self.{{ p.grad }} = {{ p.start }}")]
            + "        todo = [(self, {{ p.start }})]\n        while todo:\n"
            "            node, amount = todo.pop()\n            node.{{ p.grad }} += amount\n"
            "            for parent, slope in zip(node.{{ p.parents }}, node.slopes):\n"
            "                todo.append((parent, slope * amount))\n"),
        Mutant(name="from the inputs on", find="in reversed(order)", replace="in order"),
        Mutant(name="each passes on once for each use", of=1, find="if not uses[parent]:",
               replace="if parent not in ready:"),
        Mutant(name="no slope", find="+= slope * node", replace="+= node"),
        Mutant(name="a ring is left", source=BACKWARD_MARKS.replace(
               "        self.slopes = slopes\n",
               "        self.slopes = slopes\n        self.children = []\n"
               "        for x in parents:\n            x.children.append(self)\n")),
        Mutant(name="an inner function that calls itself",
               source=BACKWARD_MARKS.replace(BACKWARD_ORDER, """\
        order, seen = [], set()
        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.{{ p.parents }}:
                    visit(parent)
                order.append(node)
        visit(self)
""")),
    ),
)  # fmt: skip


# ---- Transfer: what to buy for a bicycle --------------------------------------------------------
def parts_draw(rng):
    batch = rng.choice([3, 4, 5, 6, 7, 8, 10, 12])
    scrap = rng.choice([n for n in range(2, 10) if n % batch])  # else no need is ever a part of one
    return {"batch": batch, "scrap": scrap, "report": rng.choice(["bought", "made"])}


def parts_cases(rng, p):
    cases = [[{"bell": {"dome": 1, "screw": 2}}, {"bell": 1}]]
    cases.append([{"bell": {"screw": 2}, "lamp": {"screw": 1, "bell": 1}}, {"lamp": 2, "bell": 1}])
    cases.append(
        [{"bike": {"rack": 1, "hub": 2}, "rack": {"hub": 3}, "hub": {"ball": 2}}, {"bike": 1}]
    )
    for size in (4, 6, 9, 12):
        names = [f"{rng.choice('bcdfgk')}{i}" for i in range(size + 3)]
        recipes = {}
        for i in range(size):
            chosen = rng.sample(names[i + 1 : i + 5], rng.randint(1, min(3, size + 2 - i)))
            recipes[names[i]] = {part: rng.randint(1, 3) for part in chosen}
        entries = list(recipes.items())
        rng.shuffle(entries)
        ordered = {names[0]: rng.randint(1, 9), names[1]: rng.randint(1, 5)}
        cases.append([dict(entries), ordered])
    return cases


def pieces(p, batches, count, *, scrap=True):
    return batches * p["batch"] * count + (batches * p["scrap"] if scrap else 0)


def reported(p, recipes, need, runs):
    return (
        dict(runs) if p["report"] == "made" else {x: n for x, n in need.items() if x not in recipes}
    )


def parts(p, recipes, ordered, *, scrap=True, adds=True, whole=True):
    """Products before their parts; a need is turned into batches once it is whole."""
    need, runs = dict(ordered), {}
    for thing in products_first(recipes, ordered):
        if thing not in recipes:
            continue
        runs[thing] = -(-need[thing] // p["batch"]) if whole else need[thing] / p["batch"]
        for part, count in recipes[thing].items():
            more = pieces(p, runs[thing], count, scrap=scrap)
            need[part] = more + (need.get(part, 0) if adds else 0)
    return reported(p, recipes, need, runs)


def products_first(recipes, ordered):
    gpt = subject.load()  # a Value for each thing, its parents the parts: the order of backward
    made, todo = {}, list(ordered)
    while todo:
        waiting = [x for x in recipes.get(todo[-1], {}) if x not in made]
        todo += waiting
        if not waiting:
            thing = todo.pop()
            if thing not in made:
                own = [made[x] for x in recipes.get(thing, {})]
                made[thing] = gpt.Value(0.0, tuple(own), (1.0,) * len(own))
    return list(made)[::-1]


def parts_order_by_order(p, recipes, ordered):
    """Every order is filled for itself, before the next comes in."""
    need, runs, todo = {}, {}, deque(ordered.items())
    while todo:
        thing, number = todo.popleft()
        need[thing] = need.get(thing, 0) + number
        if thing in recipes:
            batches = -(-number // p["batch"])
            runs[thing] = runs.get(thing, 0) + batches
            todo += [(part, pieces(p, batches, n)) for part, n in recipes[thing].items()]
    return reported(p, recipes, need, runs)


PARTS_STACK = """\
def shopping(recipes, ordered):
    lined_up, seen, stack = [], set(), list(ordered)
    while stack:
        thing = stack.pop()
        if thing is None:
            lined_up.append(stack.pop())
        elif thing not in seen:
            seen.add(thing)
            stack += [thing, None, *recipes.get(thing, [])]
    need = {thing: ordered.get(thing, 0) for thing in lined_up}
    batches = {}
    for thing in reversed(lined_up):
        if thing in recipes:
            batches[thing] = (need[thing] + {{ p.batch }} - 1) // {{ p.batch }}
            for part, count in recipes[thing].items():
                need[part] += batches[thing] * ({{ p.batch }} * count + {{ p.scrap }})
    {% if p.report == "made" %}
    return batches
    {% else %}
    return {thing: need[thing] for thing in lined_up if thing not in recipes}
    {% endif %}
"""
PARTS_WAIT = """\
from collections import Counter
from math import ceil

def shopping(recipes, ordered):
    met, uses, todo = set(), Counter(), list(ordered)
    while todo:
        thing = todo.pop()
        if thing in met:
            continue
        met.add(thing)
        for part in recipes.get(thing, ()):
            uses[part] += 1
            todo.append(part)
    need, answer = Counter(ordered), {}
    ready = [thing for thing in met if uses[thing] == 0]
    while ready:
        thing = ready.pop()
        if thing not in recipes:
            if "{{ p.report }}" == "bought":
                answer[thing] = need[thing]
            continue
        runs = ceil(need[thing] / {{ p.batch }})
        if "{{ p.report }}" == "made":
            answer[thing] = runs
        for part, count in recipes[thing].items():
            need[part] += runs * {{ p.batch }} * count + runs * {{ p.scrap }}
            uses[part] -= 1
            if uses[part] == 0:
                ready.append(part)
    return answer
"""
PARTS_LEVELS = """\
def shopping(recipes, ordered):
    users, todo, known = {}, list(ordered), set()
    while todo:
        thing = todo.pop()
        if thing in known:
            continue
        known.add(thing)
        for part, count in recipes.get(thing, {}).items():
            users.setdefault(part, []).append((thing, count))
            todo.append(part)
    need, runs = {}, {}
    path = list(known)
    while path:
        thing = path[-1]
        late = [user for user, count in users.get(thing, []) if user not in need]
        if late:
            path += late
            continue
        path.pop()
        if thing not in need:
            total = ordered.get(thing, 0)
            for user, count in users.get(thing, []):
                total += runs[user] * ({{ p.batch }} * count + {{ p.scrap }})
            need[thing] = total
            runs[thing] = total // {{ p.batch }} + (total % {{ p.batch }} > 0)
    {% if p.report == "made" %}
    return {thing: runs[thing] for thing in known if thing in recipes}
    {% else %}
    return {thing: need[thing] for thing in known if thing not in recipes}
    {% endif %}
"""
PARTS = Exercise(
    id="what-to-buy",
    skill="walk-backwards",
    entry="shopping",
    draw=parts_draw,
    cases=parts_cases,
    reference=parts,
    tolerance=1e-12,
    misconceptions={
        "each-order-for-itself": parts_order_by_order,
        "overwrites": lambda p, *a: parts(p, *a, adds=False),
        "scrap-forgotten": lambda p, *a: parts(p, *a, scrap=False),
        "half-a-batch": lambda p, *a: parts(p, *a, whole=False),
    },
    solutions=(PARTS_STACK, PARTS_WAIT, PARTS_LEVELS),
    mutants=(
        Mutant(name="each order for itself", stands_for="each-order-for-itself", source="""\
def shopping(recipes, ordered):
    need, batches, orders = {}, {}, list(ordered.items())
    for thing, number in orders:
        if thing not in recipes:
            need[thing] = need.get(thing, 0) + number
            continue
        runs = (number + {{ p.batch }} - 1) // {{ p.batch }}
        batches[thing] = batches.get(thing, 0) + runs
        for part, count in recipes[thing].items():
            orders.append((part, runs * ({{ p.batch }} * count + {{ p.scrap }})))
    return {{ "batches" if p.report == "made" else "need" }}
"""),
        Mutant(name="= for +=", find="need[part] += ", replace="need[part] = ",
               stands_for="overwrites"),
        Mutant(name="no scrap", find=" + {{ p.scrap }})", replace=")",
               stands_for="scrap-forgotten"),
        Mutant(name="half a batch", of=1, find="ceil(need[thing] / {{ p.batch }})",
               replace="need[thing] / {{ p.batch }}", stands_for="half-a-batch"),
        Mutant(name="rounded down", find="(need[thing] + {{ p.batch }} - 1) //",
               replace="need[thing] //"),
        Mutant(name="scrap once, not in each batch", of=1, find="runs * {{ p.scrap }}",
               replace="{{ p.scrap }}"),
        Mutant(name="parts before products", find="reversed(lined_up)", replace="lined_up"),
        Mutant(name="the other report", find='p.report == "made"', replace='p.report != "made"'),
        Mutant(name="orders forgotten", find="ordered.get(thing, 0)",
               replace="int(thing == list(ordered)[0]) * ordered.get(thing, 0) * 2"),
        Mutant(name="counts forgotten", of=2, find="{{ p.batch }} * count + ",
               replace="{{ p.batch }} + "),
    ),
)  # fmt: skip

EXERCISES = [CALLS, ORDER, BACKWARD, PARTS]
