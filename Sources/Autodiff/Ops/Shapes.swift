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
  x.shape == shape ? x : try view(x, shape) { ReshapeOp(x, shape) }
}

/// Memory of another tensor under another shape; made by an operation where a graph or a record will ask for it.
private func view(
  _ x: Tensor, _ shape: [Int], strides: [Int]? = nil, storage: Storage? = nil, _ op: () throws -> Op
) throws -> Tensor {
  if Context.isRecording || x.requiresGrad && Context.gradientsEnabled { return try op().apply([x]) }
  return Tensor(shape: shape, dtype: x.dtype, storage: storage ?? x.storage, strides: strides)
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

  init(_ x: Tensor, _ axes: [Int], _ shape: [Int], _ viewed: [Int]?) {
    // Of gradients and tangents, which are row-major.
    let own = contiguousStrides(x.shape)
    let walk = denseWalk(shape, axes.map { own[$0] })
    self.viewed = viewed
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
  var axes = Array((0..<x.rank).reversed())
  if let given = try attributes.integers("axes") {
    axes = try given.map { try normalizedAxis("transpose", $0, x.rank) }
    guard axes.sorted() == Array(0..<x.rank) else {
      throw Failure.value("transpose: axes must be a permutation of \(x.rank) axes, got \(given)")
    }
  }
  let (shape, lies) = (axes.map { x.shape[$0] }, x.strides ?? contiguousStrides(x.shape))
  let viewed = stridesUnlessDense(shape, axes.map { lies[$0] })
  return try view(x, shape, strides: viewed) { TransposeOp(x, axes, shape, viewed) }
}

/// Elements that follow each other in memory: a view.
private final class BlockOp: LinearOp {
  private let offset: Int

  init(_ x: Tensor, _ shape: [Int], _ walk: StridedWalk) {
    offset = walk.sourceOffset * x.dtype.byteCount
    super.init(
      shape: shape, dtype: x.dtype,
      maps: [WalkMap(walk, sourceCount: x.count, destinationCount: shape.reduce(1, *))])
  }

  override var isDifferentiable: Bool { dtype.isFloating }
  override func sharedStorage(_ inputs: [Tensor]) -> Storage? { block(inputs[0], shape, offset) }
  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {}
}

private func block(_ x: Tensor, _ shape: [Int], _ offset: Int) -> Storage {
  let bytes = shape.reduce(x.dtype.byteCount, *)
  return bytes == x.storage.byteCount
    ? x.storage : Storage(viewing: x.storage, offset: offset, byteCount: bytes)
}

/// x[start:stop:step] along every axis, `bounds` being these numbers for one axis after the other; steps may be negative.
/// A step of 0 is the place `start` alone, and leaves the axis out. Bounds are as Python's `slice.indices` gives them.
///
/// A view where all that is asked for lies in one piece.
let sliceOperation = Operation(
  "slice", .linear, inputs: 1...1, arguments: ["bounds"],
  examples: [
    .init([[5, 4]], ["bounds": .numbers([1, 5, 2, 3, -1, -1])]),
    .init([[3]], ["bounds": .numbers([1, 1, 1])]),
    .init([[2, 3]], ["bounds": .numbers([0, 2, 1, 1, 2, 1])]),
    .init([[4, 3]], ["bounds": .numbers([1, 3, 1, 0, 3, 1])]),
    .init([[3, 4, 2]], ["bounds": .numbers([2, 3, 0, 1, 3, 1, 0, 2, 1])]),
    .init([[3, 4, 2]], ["bounds": .numbers([0, 3, 2, 1, 2, 0, 0, 2, 1])]),
  ]
) { inputs, attributes in
  let x = inputs[0]
  let bounds = try attributes.integers("bounds") ?? []
  guard bounds.count == 3 * x.rank else {
    throw Failure.shape("slice: needs one start, stop and step for each axis of shape \(describe(x.shape))")
  }
  var shape: [Int] = []
  var (offset, stride) = (0, 1)
  var (isBlock, isWholeBehind) = (true, true)
  for axis in (0..<x.rank).reversed() {
    let (start, length) = try place(bounds, axis, x.shape[axis])
    if length > 1, !isWholeBehind || bounds[3 * axis + 2] != 1 { isBlock = false }
    if length != x.shape[axis] { isWholeBehind = false }
    offset += start * stride
    stride *= x.shape[axis]
    if bounds[3 * axis + 2] != 0 { shape.insert(length, at: 0) }
  }
  if shape.contains(0) { offset = 0 }
  func walk() throws -> StridedWalk {
    let extents = try x.shape.indices.map { try place(bounds, $0, x.shape[$0]).length }
    let strides = contiguousStrides(x.shape).enumerated().map { $1 * bounds[3 * $0 + 2] }
    return StridedWalk(
      extents: extents, source: strides, destination: contiguousStrides(extents), sourceOffset: offset)
  }
  guard isBlock else { return try moved("slice", [x], to: shape, [walk()]) }
  let storage = block(x, shape, offset * x.dtype.byteCount)
  return try view(x, shape, storage: storage) { try BlockOp(x, shape, walk()) }
}

/// Where a slice begins along an axis, 0 for an empty one, and how long it is.
private func place(_ bounds: [Int], _ axis: Int, _ size: Int) throws -> (start: Int, length: Int) {
  let (start, step) = (bounds[3 * axis], bounds[3 * axis + 2])
  let stop = step == 0 ? start + 1 : bounds[3 * axis + 1]
  let length = step == 0 ? 1 : max(0, (stop - start + step - step.signum()) / step)
  if length == 0 { return (0, 0) }
  let last = start + (length - 1) * step
  guard start >= 0, start < size, last >= 0, last < size else {
    throw Failure.value("slice: \(start):\(stop):\(step) leaves axis \(axis) of length \(size)")
  }
  return (start, length)
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
