import Kernels
import Vocabulary

/// The same elements under another shape: a view.
private final class ReshapeOp: LinearOp {
  init(_ x: Tensor, _ shape: [Int]) {
    let walk = StridedWalk(extents: [x.count], source: [1], destination: [1])
    super.init(
      shape: shape, dtype: x.dtype,
      maps: [WalkMap(walk, sourceCount: x.count, destinationCount: x.count)])
  }

  override var isDifferentiable: Bool { dtype.isFloating }
  override func sharedStorage(_ inputs: [Tensor]) -> Storage? { inputs[0].storage }
  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {}
}

func reshape(_ x: Tensor, to shape: [Int]) throws -> Tensor {
  x.shape == shape ? x : try ReshapeOp(x, shape).apply([x])
}

let reshapeOperation = Operation(
  "reshape", .linear, inputs: 1...1, arguments: ["shape"],
  examples: [
    .init([[3, 4]], ["shape": .numbers([2, -1])]), .init([[0, 3]], ["shape": .numbers([3, 0])]),
    .init([[]], ["shape": .numbers([1, 1])]),
  ]
) { inputs, attributes in
  let x = inputs[0]
  var shape = try attributes.integers("shape") ?? []
  try checkRoom(shape.map { $0 == -1 ? 1 : $0 }, x.dtype)
  let unknown = shape.indices.filter { shape[$0] == -1 }
  let known = shape.reduce(1) { $1 == -1 ? $0 : $0 * $1 }
  if unknown.count == 1, known > 0, x.count % known == 0 { shape[unknown[0]] = x.count / known }
  guard shape.allSatisfy({ $0 >= 0 }), shape.reduce(1, *) == x.count else {
    throw Failure.shape(
      "reshape: a tensor of shape \(describe(x.shape)) cannot take shape \(describe(shape)); the sizes must agree and "
        + "at most one may be -1")
  }
  return try reshape(x, to: shape)
}

/// The axes in another order: a view.
private final class TransposeOp: LinearOp {
  private let viewed: [Int]?

  init(_ x: Tensor, _ axes: [Int]) {
    let shape = axes.map { x.shape[$0] }
    // Of gradients and tangents, which are row-major.
    let own = contiguousStrides(x.shape)
    let walk = denseWalk(shape, axes.map { own[$0] })
    let lies = x.strides ?? own
    viewed = stridesUnlessDense(shape, axes.map { lies[$0] })
    super.init(
      shape: shape, dtype: x.dtype, maps: [WalkMap(walk, sourceCount: x.count, destinationCount: x.count)])
  }

  override var isDifferentiable: Bool { dtype.isFloating }
  override func sharedStorage(_ inputs: [Tensor]) -> Storage? { inputs[0].storage }
  override func strides(_ inputs: [Tensor]) -> [Int]? { viewed }
  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {}
}

/// nil where these are the strides of a row-major array, apart from axes along which nothing moves.
private func stridesUnlessDense(_ shape: [Int], _ strides: [Int]) -> [Int]? {
  let dense = contiguousStrides(shape)
  let differs = shape.indices.contains { shape[$0] > 1 && strides[$0] != dense[$0] }
  return differs && !shape.contains(0) ? strides : nil
}

/// A row-major copy of a view.
private final class DenseOp: LinearOp {
  private let walk: StridedWalk

  init(_ x: Tensor, _ strides: [Int]) {
    walk = denseWalk(x.shape, strides)
    super.init(shape: x.shape, dtype: x.dtype, maps: [ScaledMap(count: x.count, alpha: 1)])
  }

  override var isDifferentiable: Bool { dtype.isFloating }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    copyElements(dtype, walk, inputs[0].pointer, output.pointer)
  }
}

/// x, row-major, in the graph.
func dense(_ x: Tensor) throws -> Tensor {
  guard let strides = x.strides else { return x }
  return try DenseOp(x, strides).apply([x])
}

let transposeOperation = Operation(
  "transpose", .linear, inputs: 1...1, arguments: ["axes"],
  examples: [
    .init([[3, 4]]), .init([[2, 3, 4]], ["axes": .numbers([1, 2, 0])]), .init([[0, 2]]), .init([[1, 5]]),
    .init([[]]),
  ], readsViews: true
) { inputs, attributes in
  let x = inputs[0]
  let given = try attributes.integers("axes") ?? Array((0..<x.rank).reversed())
  let axes = try given.map { try normalizedAxis("transpose", $0, x.rank) }
  guard axes.sorted() == Array(0..<x.rank) else {
    throw Failure.value("transpose: axes must be a permutation of \(x.rank) axes, got \(given)")
  }
  return try TransposeOp(x, axes).apply([x])
}

/// x[starts:stops:steps] along every axis; steps may be negative. Bounds are as Python's `slice.indices` gives them.
let sliceOperation = Operation(
  "slice", .linear, inputs: 1...1, arguments: ["starts", "stops", "steps"],
  examples: [
    .init(
      [[5, 4]], ["starts": .numbers([1, 3]), "stops": .numbers([5, -1]), "steps": .numbers([2, -1])]),
    .init([[3]], ["starts": .numbers([1]), "stops": .numbers([1]), "steps": .numbers([1])]),
    .init([[2, 3]], ["starts": .numbers([0, 1]), "stops": .numbers([2, 2]), "steps": .numbers([1, 1])]),
  ]
) { inputs, attributes in
  let x = inputs[0]
  let starts = try attributes.integers("starts") ?? []
  let stops = try attributes.integers("stops") ?? []
  let steps = try attributes.integers("steps") ?? [Int](repeating: 1, count: starts.count)
  guard starts.count == x.rank, stops.count == x.rank, steps.count == x.rank else {
    throw Failure.shape("slice: needs one start, stop and step for each axis of shape \(describe(x.shape))")
  }
  let strides = contiguousStrides(x.shape)
  var shape: [Int] = []
  var offset = 0
  for axis in 0..<x.rank {
    let (start, stop, step) = (starts[axis], stops[axis], steps[axis])
    guard step != 0 else { throw Failure.value("slice: step of axis \(axis) must not be 0") }
    let length = max(0, (stop - start + step - step.signum()) / step)
    if length > 0 {
      let last = start + (length - 1) * step
      guard start >= 0, start < x.shape[axis], last >= 0, last < x.shape[axis] else {
        throw Failure.value("slice: \(start):\(stop):\(step) leaves axis \(axis) of length \(x.shape[axis])")
      }
      offset += start * strides[axis]
    }
    shape.append(length)
  }
  let walk = StridedWalk(
    extents: shape, source: zip(strides, steps).map { $0 * $1 }, destination: contiguousStrides(shape),
    sourceOffset: shape.contains(0) ? 0 : offset)
  return try moved("slice", [x], to: shape, [walk])
}

let concatOperation = Operation(
  "concat", .linear, inputs: 1...Int.max, arguments: ["axis"],
  examples: [
    .init([[2, 3], [4, 3]], ["axis": .numbers([0])]),
    .init([[2, 3], [2, 1], [2, 0]], ["axis": .numbers([-1])]),
    .init([[1]], ["axis": .numbers([0])]),
  ]
) { inputs, attributes in
  let first = inputs[0]
  let axis = try normalizedAxis("concat", try attributes.integer("axis", default: 0), first.rank)
  var shape = first.shape
  shape[axis] = 0
  for (i, x) in inputs.enumerated() {
    var expected = first.shape
    if x.rank == first.rank { expected[axis] = x.shape[axis] }
    guard x.shape == expected else {
      throw Failure.shape(
        "concat: input \(i) has shape \(describe(x.shape)); apart from axis \(axis) it must agree with "
          + describe(first.shape))
    }
    shape[axis] += x.shape[axis]
  }
  let strides = contiguousStrides(shape)
  var offset = 0
  let walks = inputs.map { x in
    let walk = StridedWalk(
      extents: x.shape, source: contiguousStrides(x.shape), destination: strides, destinationOffset: offset)
    offset += x.shape[axis] * strides[axis]
    return walk
  }
  return try moved("concat", inputs, to: shape, walks)
}
