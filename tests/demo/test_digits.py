"""The digits as graphs, checked against the images they come from."""

import numpy as np
import torch
from sklearn.datasets import load_digits as load_images

from geocompile.demo.digits import Graphs, collate, load_digits, minibatches, pixel_graph
from geocompile.demo.training import jitter


def _image_of(graph: Graphs) -> np.ndarray:
    """The image again, from intensity and position."""
    image = np.zeros((8, 8))
    rows, columns = ((graph.x[:, 1:] + 1) * 3.5).round().long().T.numpy()
    image[rows, columns] = graph.x[:, 0].numpy() * 16
    return image


def test_every_image_can_be_read_back_from_its_graph() -> None:
    images = load_images().images
    for image in images[:50]:
        np.testing.assert_array_equal(_image_of(pixel_graph(image, 0)), image)


def test_edges_join_inked_pixels_that_touch() -> None:
    image = np.zeros((8, 8))
    image[0, 0], image[1, 1], image[1, 2], image[7, 7] = 16, 8, 4, 2
    graph = pixel_graph(image, 3)
    assert graph.edge_index.T.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1]]
    assert graph.x[:, 0].tolist() == [1.0, 0.5, 0.25, 0.125]
    assert graph.y.tolist() == [3]


def test_the_split_is_all_digits_once_and_the_same_for_the_same_seed() -> None:
    training, test = load_digits(seed=3)
    assert (len(training), len(test)) == (1438, 359)
    together = sorted(tuple(graph.x.flatten().tolist()) for graph in training + test)
    again = sorted(tuple(graph.x.flatten().tolist()) for group in load_digits(seed=4) for graph in group)
    assert together == again
    assert torch.equal(load_digits(seed=3)[1][5].x, test[5].x)


def test_graphs_differ_in_size() -> None:
    _, test = load_digits(seed=0)
    assert len({graph.x.shape[0] for graph in test}) > 10
    assert len({graph.edge_index.shape[1] for graph in test}) > 30


def test_collate_keeps_every_graph_apart() -> None:
    _, test = load_digits(seed=0)
    joined = collate(test[:5])
    first = 0
    for k, graph in enumerate(test[:5]):
        nodes = joined.batch == k
        assert torch.equal(joined.x[nodes], graph.x)
        inside = nodes[joined.edge_index[0]]
        assert torch.equal(joined.edge_index[:, inside] - first, graph.edge_index)
        assert torch.equal(nodes[joined.edge_index[1]], inside)
        first += graph.x.shape[0]


def test_minibatches_visit_every_graph_once() -> None:
    _, test = load_digits(seed=0)
    batches = list(minibatches(test, 32, torch.Generator().manual_seed(0)))
    assert [batch.y.shape[0] for batch in batches] == [32] * 11 + [7]
    assert (
        torch.bincount(torch.cat([b.y for b in batches])).tolist() == torch.bincount(collate(test).y).tolist()
    )


def test_jitter_moves_each_graph_by_one_affine_map() -> None:
    _, test = load_digits(seed=0)
    graphs = collate(test[:3])
    moved = jitter(graphs, 0.2, torch.Generator().manual_seed(0))
    assert torch.equal(moved.edge_index, graphs.edge_index)
    for k in range(3):
        nodes = graphs.batch == k
        before = torch.cat([graphs.x[nodes, 1:], torch.ones(int(nodes.sum()), 1)], dim=1)
        solution = torch.linalg.lstsq(before, moved.x[nodes, 1:]).solution
        torch.testing.assert_close(before @ solution, moved.x[nodes, 1:], atol=1e-4, rtol=0)
        assert not torch.allclose(moved.x[nodes, 1:], graphs.x[nodes, 1:])
