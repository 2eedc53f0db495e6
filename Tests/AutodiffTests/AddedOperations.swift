import Vocabulary

@testable import Autodiff
@testable import Kernels

// The examples of docs/adding-an-op.md, word for word: `python/tests/whole/test_adding.py` holds them together.

/// x / (1 + e^-x). With s = 1 / (1 + e^-x): first = s + y (1 - s), second = s (1 - s) (2 + x (1 - 2 s)).
enum Silu: PointwiseFunction {
  static var name: String { "silu" }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { x * L.sigmoid(x) }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    let s = L.sigmoid(x)
    return s + y * (L(1) - s)
  }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    let s = L.sigmoid(x)
    return s * (L(1) - s) * (L(2) + x * (L(1) - s - s))
  }
}

/// The diagonal of a square matrix: one step down and one to the right.
let diagonalOperation = Operation(
  "diagonal", .linear, inputs: 1...1, examples: [.init([[4, 4]]), .init([[1, 1]]), .init([[0, 0]])]
) { inputs, _ in
  try requireFloating("diagonal", inputs)
  let x = inputs[0]
  guard x.rank == 2, x.shape[0] == x.shape[1] else {
    throw Failure.shape("diagonal: the input must be a square matrix, got shape \(describe(x.shape))")
  }
  let n = x.shape[0]
  let walk = StridedWalk(extents: [n], source: [n + 1], destination: [1])
  let map = WalkMap(walk, sourceCount: n * n, destinationCount: n)
  return try LinearOp(shape: [n], dtype: x.dtype, maps: [map]).apply(inputs)
}
