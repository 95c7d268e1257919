"""Pytrees: round trips, equality of structures, error texts, registration, generated flatteners against the generic."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
import threading
from collections import OrderedDict, defaultdict, namedtuple
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funcgrad import tree


class Point(NamedTuple):
    x: Any
    y: Any


@tree.register_dataclass
@dataclasses.dataclass(frozen=True)
class Layer:
    w: Any
    b: Any
    size: Any = dataclasses.field(default=3, metadata={"static": True})


@tree.register_pytree_node_class
class Pair:
    def __init__(self, left: Any, right: Any, tag: Any = None) -> None:
        self.left, self.right, self.tag = left, right, tag

    def tree_flatten(self) -> tuple[list[Any], Any]:
        return [self.left, self.right], self.tag

    @classmethod
    def tree_unflatten(cls, tag: Any, children: tuple[Any, ...]) -> Pair:
        return cls(*children, tag)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and vars(self) == vars(other)

    __hash__ = None


@tree.register_static
@dataclasses.dataclass(frozen=True)
class Mode:
    name: str


@tree.register_static
class Unhashable(list):
    pass


LEAF = st.one_of(st.integers(), st.floats(allow_nan=False), st.text(max_size=3))
KEY = st.one_of(st.text(max_size=3), st.integers(), st.booleans(), st.tuples(st.integers()))


def nest(child: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    text = st.text(max_size=3)
    return st.one_of(
        st.lists(child, max_size=3),
        st.lists(child, max_size=3).map(tuple),
        st.dictionaries(text, child, max_size=3),
        st.dictionaries(KEY, child, max_size=3),
        st.dictionaries(text, child, max_size=3).map(lambda d: OrderedDict(reversed(d.items()))),
        st.dictionaries(text, child, max_size=3).map(lambda d: defaultdict(list, d)),
        st.builds(Point, child, child),
        st.builds(Layer, child, child, st.integers(0, 2)),
        st.builds(Pair, child, child, text),
        st.builds(Mode, text),
        st.none(),
    )


TREES = st.recursive(LEAF, nest, max_leaves=12)


def same(left: Any, right: Any) -> bool:
    """Equality which also compares classes, at every level."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    return left == right


# ---- round trips -----------------------------------------------------------------------------------------------------


@given(TREES)
def test_round_trip_and_generated_functions_agree_with_the_generic_ones(value: Any) -> None:
    leaves, treedef = tree.tree_flatten(value)
    assert same(tree.tree_unflatten(treedef, leaves), value)
    assert treedef.num_leaves == len(leaves) == len(tree.tree_leaves_with_path(value))
    out = ["kept"]
    assert tree.generate_flattener(treedef)(value, out)
    assert same(out, ["kept", *leaves])
    assert same(tree.generate_unflattener(treedef)(leaves), value)
    assert same(tree.generate_unflattener(treedef)(tuple(leaves)), value)


@settings(max_examples=300)
@given(TREES, TREES)
def test_flattener_accepts_exactly_the_trees_of_equal_structure(one: Any, other: Any) -> None:
    treedef, (leaves, found) = tree.tree_structure(one), tree.tree_flatten(other)
    out: list[Any] = []
    assert tree.generate_flattener(treedef)(other, out) == (treedef == found)
    assert same(out, leaves if treedef == found else [])
    if treedef == found:
        assert hash(treedef) == hash(found) and repr(treedef) == repr(found)


@given(TREES)
def test_paths_lead_to_their_leaves(value: Any) -> None:
    for path, leaf in tree.tree_leaves_with_path(value):
        node = value
        for key in path:
            if isinstance(key, tree.SequenceKey):
                node = node[key.idx]
            elif isinstance(key, tree.DictKey):
                node = node[key.key]
            elif isinstance(key, tree.GetAttrKey):
                node = getattr(node, key.name)
            else:
                node = (node.left, node.right)[key.key]
        assert node is leaf


@given(TREES)
def test_treedef_survives_copy_and_pickle(value: Any) -> None:
    treedef = tree.tree_structure(value)
    hash(treedef)
    for twin in (pickle.loads(pickle.dumps(treedef)), copy.deepcopy(treedef)):
        assert twin == treedef and hash(twin) == hash(treedef)


def test_a_pickled_treedef_does_not_carry_its_hash() -> None:
    treedef = tree.tree_structure({"a": 1})
    before = pickle.dumps(treedef)
    hash(treedef)
    assert pickle.dumps(treedef) == before


# ---- equality and hash -----------------------------------------------------------------------------------------------


def test_insertion_order_of_sortable_keys_does_not_matter() -> None:
    one, other = tree.tree_flatten({"w": 1, "b": 2}), tree.tree_flatten({"b": 2, "w": 1})
    assert one == other and hash(one[1]) == hash(other[1])
    assert tree.tree_leaves({"w": 1, "b": 2}) == [2, 1]


def test_unsortable_keys_keep_insertion_order() -> None:
    one, other = {1: "one", "a": "letter"}, {"a": "letter", 1: "one"}
    assert tree.tree_leaves(one) == ["one", "letter"]
    assert tree.tree_structure(one) != tree.tree_structure(other)
    flatten, out = tree.generate_flattener(tree.tree_structure(one)), []
    assert flatten(one, out) and not flatten(other, out)
    assert out == ["one", "letter"]


LOOK_ALIKES = [
    [1],
    (1,),
    1,
    None,
    [],
    (),
    {},
    [None],
    {"a": 1},
    {"b": 1},
    {1: 1},
    {True: 1},
    {1.0: 1},
    {"1": 1},
    OrderedDict(a=1),
    defaultdict(list, a=1),
    defaultdict(set, a=1),
    OrderedDict([("a", 1), ("b", 1)]),
    OrderedDict([("b", 1), ("a", 1)]),
    {"a": 1, "b": 1},
    {"a": [1, 1]},
    {"a": [1], "b": 1},
    Point(1, 2),
    (1, 2),
    namedtuple("Point", "x y")(1, 2),
    Layer(1, 2, 1),
    Layer(1, 2, True),
    Layer(1, 2, 1.0),
    Layer(1, 2, 0.0),
    Layer(1, 2, -0.0),
    Layer(1, 2, (1, 2)),
    Layer(1, 2, (1, 2.0)),
    Layer(1, 2, "1"),
    Pair(1, 2, 1),
    Pair(1, 2, None),
    Mode("a"),
    Mode("b"),
    tree.Partial(len, 1),
    tree.Partial(max, 1),
    tree.Partial(max, key=1),
    frozenset([1]),
    [[1], 2],
    [1, [2]],
]


def test_look_alikes_have_distinct_structures_and_flatteners() -> None:
    values = [value for value in LOOK_ALIKES if tree.tree_structure(value) != tree.tree_structure(1)]
    assert len(values) == len(LOOK_ALIKES) - 2  # 1 and the frozenset are leaves
    for row, one in enumerate(values):
        flatten = tree.generate_flattener(tree.tree_structure(one))
        for column, other in enumerate(values):
            assert (tree.tree_structure(one) == tree.tree_structure(other)) == (row == column)
            assert flatten(other, []) == (row == column)
    assert len({tree.tree_structure(value) for value in values}) == len(values)


def test_nan_metadata_is_equal_to_itself() -> None:
    assert tree.tree_structure(Layer(1, 2, float("nan"))) == tree.tree_structure(Layer(3, 4, float("nan")))


def test_treedef_is_immutable_and_unequal_to_other_objects() -> None:
    treedef = tree.tree_structure([1, 2])
    with pytest.raises(AttributeError):
        treedef.num_leaves = 3
    assert treedef != [1, 2] and treedef.children() == [tree.tree_structure(1)] * 2


def test_unhashable_metadata_is_named() -> None:
    with pytest.raises(TypeError, match="the metadata of Layer in a pytree must be hashable: unhashable type: 'list'"):
        hash(tree.tree_structure({"a": Layer(1, 2, [3])}))
    with pytest.raises(TypeError, match="the metadata of Unhashable"):
        hash(tree.tree_structure(Unhashable()))


def test_repr() -> None:
    value = {
        "w": [1, (2,), ()],
        "b": {"p": Point(1, None), "l": Layer(1, 2), "q": Pair(1, 2, "t")},
        "o": OrderedDict(z=1),
        "d": defaultdict(list),
    }
    assert repr(tree.tree_structure(value)) == (
        "PyTreeDef({'b': {'l': Layer[(3,)](*, *), 'p': Point(x=*, y=None), 'q': Pair['t'](*, *)}, "
        "'d': defaultdict(<class 'list'>, {}), 'o': OrderedDict({'z': *}), 'w': [*, (*,), ()]})"
    )


# ---- error texts -----------------------------------------------------------------------------------------------------

MISMATCHES = [
    (
        {"layers": [0, {"w": {"b": 1, "w": 2}}]},
        {"layers": [0, {"w": (1, 2)}]},
        "at ['layers'][1]['w'] expected a dict with keys ['b', 'w'], got a tuple of length 2",
    ),
    ([1, 2], [1], "at the root expected a list of length 2, got a list of length 1"),
    ([1, [2]], [1, 2], "at [1] expected a list of length 1, got a leaf of type int"),
    ({"a": None}, {"a": 1}, "at ['a'] expected None, got a leaf of type int"),
    ({"a": [1]}, {"a": None}, "at ['a'] expected a list of length 1, got None"),
    (
        {"a": 1, "b": 2},
        {"a": 1, "c": 2},
        "at the root expected a dict with keys ['a', 'b'], got a dict with keys ['a', 'c'] "
        "(missing ['b'], unexpected ['c'])",
    ),
    (
        {"a": 1},
        {},
        "at the root expected a dict with keys ['a'], got an empty dict (missing ['a'])",
    ),
    (
        {1: 1},
        {True: 1},
        "at the root expected a dict with keys [1], got a dict with keys [True] "
        "(in another order or with keys of other types)",
    ),
    (
        {"a": 1},
        OrderedDict(a=1),
        "at the root expected a dict with keys ['a'], got an OrderedDict with keys ['a']",
    ),
    (
        defaultdict(list, a=1),
        defaultdict(set, a=1),
        "at the root expected a defaultdict of list with keys ['a'], got a defaultdict of set with keys ['a']",
    ),
    (
        [Point(1, {"a": 1})],
        [Point(1, 2)],
        "at [0].y expected a dict with keys ['a'], got a leaf of type int",
    ),
    ([Point(1, 2)], [(1, 2)], "at [0] expected a Point of length 2, got a tuple of length 2"),
    (
        Layer(1, 2, 3),
        Layer(1, 2, 4),
        "at the root expected a Layer with 2 children and metadata (3,), got a Layer with 2 children and metadata (4,)",
    ),
    (
        Pair(1, [2]),
        Pair(1, (2,)),
        "at [<flat index 1>] expected a list of length 1, got a tuple of length 1",
    ),
    (
        tree.Partial(max, [1]),
        tree.Partial(max, 1),
        "at .args[0] expected a list of length 1, got a leaf of type int",
    ),
    (
        {f"k{i:02}": 0 for i in range(20)},
        1,
        "at the root expected a dict with keys ['k00', 'k01', 'k02', 'k03', 'k04', 'k05', 'k06', 'k07', 'k08', "
        "'k09', 'k10', 'k11', ... (20 in all)], got a leaf of type int",
    ),
]


@pytest.mark.parametrize(("first", "second", "text"), MISMATCHES, ids=[str(n) for n in range(len(MISMATCHES))])
def test_mismatch_names_the_first_differing_path(first: Any, second: Any, text: str) -> None:
    cases = {
        "tree_map": lambda: tree.tree_map(lambda *_: None, first, second),
        "tree_map: in tree 3": lambda: tree.tree_map(lambda *_: None, first, first, second),
        "tree_map_with_path": lambda: tree.tree_map_with_path(lambda *_: None, first, second),
        "broadcast_prefix": lambda: tree.broadcast_prefix(first, second),
        "vmap in_axes": lambda: tree.broadcast_prefix(first, second, what="vmap in_axes"),
        "flatten_up_to": lambda: tree.tree_structure(first).flatten_up_to(second),
    }
    for name, call in cases.items():
        with pytest.raises(ValueError) as caught:
            call()
        assert str(caught.value) == f"{name}: {text}"


def test_wrong_number_of_leaves() -> None:
    treedef = tree.tree_structure({"a": 1, "b": 2})
    text = r"tree_unflatten: PyTreeDef\({'a': \*, 'b': \*}\) has 2 leaves, got "
    for leaves in ([], [1], [1, 2, 3]):
        for call in (treedef.unflatten, tree.generate_unflattener(treedef)):
            with pytest.raises(ValueError, match=text + str(len(leaves))):
                call(leaves)


def test_swapped_arguments_of_unflatten() -> None:
    with pytest.raises(TypeError, match="expected a PyTreeDef first and the leaves second"):
        tree.tree_unflatten([1], tree.tree_structure([1]))


# ---- functions -------------------------------------------------------------------------------------------------------


def test_tree_map_accepts_deeper_trees_at_leaves() -> None:
    assert tree.tree_map(lambda x, y: (x, y), {"a": 1}, {"a": [2, 3]}) == {"a": (1, [2, 3])}


def test_is_leaf_stops_the_descent_and_may_keep_none() -> None:
    assert tree.tree_leaves([None, 1, (2, 3)], is_leaf=lambda x: x is None or isinstance(x, tuple)) == [None, 1, (2, 3)]
    assert tree.tree_map(lambda x: 0, [None, 1], is_leaf=lambda x: x is None) == [0, 0]


def test_reduce_and_all() -> None:
    assert tree.tree_reduce(lambda a, b: a - b, [10, {"a": 1, "b": 2}]) == 7
    assert tree.tree_reduce(lambda a, b: a - b, [], 5) == 5
    assert tree.tree_reduce(lambda a, b: (a, b), [1], None) == (None, 1)
    with pytest.raises(TypeError):
        tree.tree_reduce(lambda a, b: a, [])
    assert tree.tree_all([]) is True and tree.tree_all([1, None, True]) is True and tree.tree_all([0]) is False


def test_transpose() -> None:
    value = [Point(1, {"a": 2}), Point(3, {"a": 4}), Point(5, {"a": 6})]
    outer, inner = tree.tree_structure([0, 0, 0]), tree.tree_structure(Point(0, {"a": 0}))
    expected = Point([1, 3, 5], {"a": [2, 4, 6]})
    assert tree.tree_transpose(outer, inner, value) == tree.tree_transpose(outer, None, value) == expected
    assert tree.tree_transpose(tree.tree_structure([]), inner, []) == Point([], {"a": []})
    with pytest.raises(ValueError, match=r"tree_transpose: at \[1\]\.y expected a dict with keys \['a'\], got None"):
        tree.tree_transpose(outer, inner, [value[0], Point(1, None), value[2]])
    with pytest.raises(ValueError, match="explicit inner_treedef"):
        tree.tree_transpose(tree.tree_structure([]), None, [])


def test_broadcast_prefix() -> None:
    full = ({"w": [1, 2], "b": 3}, 4, None)
    assert tree.broadcast_prefix("p", full) == ["p"] * 4
    assert tree.broadcast_prefix(({"b": "b", "w": "w"}, "x", None), full) == ["b", "w", "w", "x"]
    assert tree.broadcast_prefix((0, None, 7), full, is_leaf=lambda x: x is None) == [0, 0, 0, None]


def test_partial_is_callable_and_keeps_its_function() -> None:
    part = tree.Partial(lambda *args, **named: (args, named), 1, k=2)
    leaves, treedef = tree.tree_flatten(part)
    assert leaves == [1, 2]
    assert treedef.unflatten([10, 20])(3) == ((10, 3), {"k": 20})
    assert [tree.keystr(path) for path, _ in tree.tree_leaves_with_path(part)] == [".args[0]", ".keywords['k']"]


def test_short_names_are_the_long_ones() -> None:
    short = (
        "map leaves flatten unflatten structure reduce all flatten_with_path leaves_with_path map_with_path transpose"
    )
    for name in short.split():
        assert getattr(tree, name) is getattr(tree, f"tree_{name}")


# ---- registration ----------------------------------------------------------------------------------------------------


def test_a_class_is_a_leaf_until_registered_even_for_generated_flatteners() -> None:
    class Late:
        pass

    value = [Late()]
    before, out = tree.tree_structure(value), []
    flatten = tree.generate_flattener(before)
    assert before.num_leaves == 1 and flatten(value, out) and out == value
    tree.register_pytree_node(Late, lambda _: ((), None), lambda *_: Late())
    assert tree.tree_leaves(value) == [] and not flatten(value, [])


def test_flattener_leaves_unknown_leaf_classes_to_the_generic_path() -> None:
    class New:
        pass

    flatten = tree.generate_flattener(tree.tree_structure([0, 0]))
    assert not flatten([0, New()], []) and flatten([0, 0], [])
    tree.tree_leaves(New())
    assert flatten([0, New()], []) and flatten([New(), New()], [])


def test_named_tuples_are_containers_at_a_leaf_position_too() -> None:
    fresh = namedtuple("Fresh", "x")
    assert not tree.generate_flattener(tree.tree_structure([0]))([fresh(1)], [])
    assert tree.tree_leaves([fresh(1)]) == [1]


def test_subclasses_are_leaves_unless_registered() -> None:
    class Words(list):
        pass

    class Sub(Point):
        pass

    assert tree.tree_leaves([Words([1, 2])]) == [[1, 2]]
    assert tree.tree_structure(Sub(1, 2)) != tree.tree_structure(Point(1, 2))  # a named tuple of its own class
    assert type(tree.tree_map(abs, Sub(-1, 2))) is Sub


def test_a_named_tuple_may_be_registered_once_to_override_the_default() -> None:
    Row = namedtuple("Row", "data name")
    assert tree.tree_leaves(Row(1, "a")) == [1, "a"]
    tree.register_pytree_node(Row, lambda row: ((row.data,), row.name), lambda name, data: Row(*data, name))
    assert tree.tree_leaves(Row(1, "a")) == [1]
    assert tree.generate_unflattener(tree.tree_structure(Row(1, "a")))([5]) == Row(5, "a")
    with pytest.raises(ValueError, match="Row is already registered"):
        tree.register_static(Row)


@pytest.mark.parametrize("cls", [list, dict, type(None), tree.Partial, Layer])
def test_double_registration(cls: type) -> None:
    with pytest.raises(ValueError, match="already registered"):
        tree.register_static(cls)


def test_registering_an_instance() -> None:
    with pytest.raises(TypeError, match="a pytree node must be a class, got 3"):
        tree.register_static(3)


def test_register_dataclass_checks_its_field_names() -> None:
    @dataclasses.dataclass
    class Config:
        a: int
        b: int
        made: int = dataclasses.field(default=0, init=False)

    for data, meta in [(["a"], []), (["a", "b"], ["b"]), (["a", "c"], ["b"]), (None, ["c"])]:
        with pytest.raises(ValueError, match=r"must together name each constructor field of Config once: \['a', 'b'\]"):
            tree.register_dataclass(Config, data, meta)
    with pytest.raises(TypeError, match="is not a dataclass"):
        tree.register_dataclass(int)
    tree.register_dataclass(Config, ["b"], ["a"])
    assert tree.tree_leaves(Config(1, 2)) == [2]
    assert tree.tree_map(lambda x: 9, Config(1, 2)) == Config(1, 9)
    assert tree.keystr(tree.tree_leaves_with_path([Config(1, 2)])[0][0]) == "[0].b"


def test_register_with_keys_and_a_one_shot_iterator() -> None:
    class Bag:
        def __init__(self, *items: Any) -> None:
            self.items = items

    tree.register_pytree_with_keys(
        Bag, lambda bag: (((tree.DictKey(i), x) for i, x in enumerate(bag.items)), None), lambda _, items: Bag(*items)
    )
    assert tree.tree_map(lambda x: 2 * x, Bag(1, 2)).items == (2, 4)
    assert [tree.keystr(path) for path, _ in tree.tree_leaves_with_path(Bag(1, 2))] == ["[0]", "[1]"]


# ---- generated functions ---------------------------------------------------------------------------------------------


def test_generated_source_is_straight_line() -> None:
    treedef = tree.tree_structure({"w": 0, "b": [0, None]})
    flatten, unflatten = tree.generate_flattener(treedef), tree.generate_unflattener(treedef)
    for word in ("for ", "while ", "isinstance", "lambda"):
        assert word not in flatten.source + unflatten.source
    assert "{'b': v3, 'w': v2}" in unflatten.source


def test_generated_functions_are_shared_by_equal_structures() -> None:
    one, other = tree.tree_structure({"a": 1, "b": 2}), tree.tree_structure({"b": 1, "a": 2})
    assert one is not other
    assert tree.generate_flattener(one) is tree.generate_flattener(other)
    assert tree.generate_unflattener(one) is tree.generate_unflattener(other)


def test_flattener_does_not_touch_a_defaultdict_or_the_output_on_failure() -> None:
    treedef = tree.tree_structure({"a": defaultdict(list, x=1), "b": 2})
    flatten, value, out = tree.generate_flattener(treedef), {"a": defaultdict(list, y=1), "b": 2}, []
    assert not flatten(value, out) and out == [] and dict(value["a"]) == {"y": 1}


@pytest.mark.parametrize("depth", [1, 50, 250])
def test_deep_and_wide_trees(depth: int) -> None:
    value: Any = {"x": list(range(300))}
    for level in range(depth):
        value = {"deeper": value, "n": level}
    leaves, treedef = tree.tree_flatten(value)
    out: list[Any] = []
    assert tree.generate_flattener(treedef)(value, out) and out == leaves
    assert tree.generate_unflattener(treedef)(leaves) == treedef.unflatten(leaves) == value


def test_keys_are_written_safely_into_generated_code() -> None:
    value = {"a'\"\\\n": 1, "{x}": 2, "": 3, "ключ": 4}
    leaves, treedef = tree.tree_flatten(value)
    out: list[Any] = []
    assert tree.generate_flattener(treedef)(value, out) and out == leaves
    assert tree.generate_unflattener(treedef)(leaves) == value


def test_first_use_from_many_threads() -> None:
    Shared = namedtuple("Shared", "x y")
    results, start = [], threading.Barrier(8)

    def work() -> None:
        start.wait()
        leaves, treedef = tree.tree_flatten({"a": Shared(1, [2])})
        results.append((leaves, treedef, tree.generate_unflattener(treedef)(leaves)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and all(result == results[0] for result in results)


def test_standard_library_only() -> None:
    code = "import sys; before = set(sys.modules); import funcgrad.tree; print('numpy' in sys.modules)"
    path = tree.__file__.rsplit("funcgrad", 1)[0]
    run = f"import sys; sys.path.insert(0, {path!r}); import types; package = types.ModuleType('funcgrad'); "
    run += f"package.__path__ = [{path + 'funcgrad'!r}]; sys.modules['funcgrad'] = package; {code}"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---- names of jax.tree_util ------------------------------------------------------------------------------------------


def test_broadcast_fills_the_full_tree() -> None:
    assert tree.broadcast({"a": 1, "b": 2}, {"a": [0, (0, None)], "b": 0}) == {"a": [1, (1, None)], "b": 2}
    assert tree.broadcast(5, [0, 0]) == [5, 5]
    none = tree.broadcast((None, 1), ([0, 0], None), is_leaf=lambda x: x is None)
    assert none == ([None, None], 1)
    with pytest.raises(ValueError, match=r"tree_broadcast: at .* expected a list of length 2, got a list of length 1"):
        tree.broadcast([1, 2], [1])


def test_reduce_associative_goes_in_pairs() -> None:
    calls = []
    text = tree.reduce_associative(lambda a, b: calls.append((a, b)) or a + b, list("abcde"))
    assert text == "abcde" and calls == [("a", "b"), ("c", "d"), ("ab", "cd"), ("abcd", "e")]
    assert tree.reduce_associative(max, [], identity=7) == 7
    with pytest.raises(ValueError, match="without leaves needs an identity"):
        tree.reduce_associative(max, [])


def test_structures_of_children_and_of_tuples() -> None:
    value = [(1, 2), 3, {"a": 4}]
    children = tree.treedef_children(tree.structure(value))
    assert children == [tree.structure(v) for v in value]
    assert [tree.treedef_is_leaf(c) for c in children] == [False, True, False]
    assert not tree.treedef_is_leaf(tree.structure(None))
    assert tree.treedef_tuple(children) == tree.structure(tuple(value))
    assert tree.all_leaves([1, "a", Layer]) and not tree.all_leaves([1, None])
    assert tree.all_leaves([[1]], is_leaf=lambda x: isinstance(x, list))


def test_simple_key_paths() -> None:
    paths = [path for path, _ in tree.leaves_with_path({"a": [1, Layer(2, 3)], "p": Point(4, 5)})]
    simple = [tree.keystr(path, simple=True, separator="/") for path in paths]
    assert simple == ["a/0", "a/1/w", "a/1/b", "p/x", "p/y"]
    assert tree.keystr((tree.FlattenedIndexKey(3),), simple=True) == "3"
    assert tree.keystr((tree.DictKey("a"), tree.SequenceKey(1)), separator=".") == "['a'].[1]"


def test_static_fields_and_classes_with_keys() -> None:
    @tree.register_dataclass
    @dataclasses.dataclass
    class Power:
        base: Any
        exponent: int = tree.static(default=2, metadata={"unit": "m"})

    assert tree.leaves(Power(3)) == [3] and tree.map(lambda x: x + 1, Power(3, 5)) == Power(4, 5)
    assert dataclasses.fields(Power)[1].metadata["unit"] == "m"

    @tree.register_pytree_with_keys_class
    class Keyed:
        def __init__(self, item: Any) -> None:
            self.item = item

        def tree_flatten_with_keys(self) -> Any:
            return [(tree.GetAttrKey("item"), self.item)], "meta"

        @classmethod
        def tree_unflatten(cls, metadata: Any, children: Any) -> Any:
            assert metadata == "meta"
            return cls(*children)

    assert tree.map(lambda x: 2 * x, Keyed(3)).item == 6
    assert tree.keystr(tree.leaves_with_path(Keyed([1]))[0][0]) == ".item[0]"
