import Kernels
import Vocabulary

private let reductionExamples: [Operation.Example] = [
  .init([[3, 4]]), .init([[3, 4, 2]], ["axes": .numbers([1])]),
  .init([[2, 3, 4]], ["axes": .numbers([0, 2]), "keepdims": .numbers([1])]), .init([[]]), .init([[1, 1]]),
  .init([[5, 0]], ["axes": .numbers([0])]), .init([[4, 3]], ["axes": .numbers([-1])]),
]

private func reducedShape(_ shape: [Int], _ axes: [Int], keep: Bool) -> [Int] {
  shape.indices.compactMap { axes.contains($0) ? (keep ? 1 : nil) : shape[$0] }
}

private func summation(_ name: String, _ x: Tensor, _ attributes: Attributes, mean: Bool) throws -> Tensor {
  try requireFloating(name, [x])
  let axes = try reductionAxes(name, attributes, x.rank)
  let count = axes.reduce(1) { $0 * x.shape[$1] }
  if mean && count == 0 {
    throw Failure.shape("mean: there is nothing to average in shape \(describe(x.shape)) over axes \(axes)")
  }
  let kept = reducedShape(x.shape, axes, keep: true)
  let walk = StridedWalk(
    extents: x.shape, source: contiguousStrides(x.shape), destination: broadcastStrides(kept, to: x.shape))
  let map = WalkMap(
    walk, alpha: mean ? 1 / Double(count) : 1, sourceCount: x.count, destinationCount: kept.reduce(1, *))
  let shape = reducedShape(x.shape, axes, keep: try attributes.flag("keepdims", default: false))
  return try LinearOp(shape: shape, dtype: x.dtype, maps: [map]).apply([x])
}

let sumOperation = Operation(
  "sum", .linear, inputs: 1...1, arguments: ["axes", "keepdims"], examples: reductionExamples
) { inputs, attributes in
  try summation("sum", inputs[0], attributes, mean: false)
}

let meanOperation = Operation(
  "mean", .linear, inputs: 1...1, arguments: ["axes", "keepdims"], examples: reductionExamples
) { inputs, attributes in
  try summation("mean", inputs[0], attributes, mean: true)
}

/// The largest or smallest element along one axis: linear, with the index that the value pass chose.
private final class ExtremeOp: LinearOp {
  private let map: SelectMap
  private let outer: Int, extent: Int, inner: Int
  private let sign: Double

  init(_ x: Tensor, axis: Int, sign: Double) throws {
    outer = x.shape[..<axis].reduce(1, *)
    extent = x.shape[axis]
    inner = x.shape[(axis + 1)...].reduce(1, *)
    self.sign = sign
    var shape = x.shape
    shape[axis] = 1
    map = try SelectMap(rows: outer * inner, width: 1, sourceCount: x.count)
    super.init(shape: shape, dtype: x.dtype, maps: [map])
  }

  override func prepare(_ inputs: [Tensor]) throws {
    extremeIndices(dtype.scalar, inputs[0].pointer, outer, extent, inner, sign, map.indices)
  }
}

private func extremeOperation(_ name: String, sign: Double) -> Operation {
  Operation(
    name, .linear, inputs: 1...1, arguments: ["axes", "keepdims"],
    examples: reductionExamples.map { Operation.Example($0.shapes, $0.attributes, .separated) }
  ) { inputs, attributes in
    try requireFloating(name, inputs)
    let x = inputs[0]
    let axes = try reductionAxes(name, attributes, x.rank)
    guard axes.allSatisfy({ x.shape[$0] > 0 }) else {
      throw Failure.shape(
        "\(name): there is nothing to compare in shape \(describe(x.shape)) over axes \(axes)")
    }
    var result = x
    for axis in axes { result = try ExtremeOp(result, axis: axis, sign: sign).apply([result]) }
    let keep = try attributes.flag("keepdims", default: false)
    return try reshape(result, to: reducedShape(x.shape, axes, keep: keep))
  }
}

let maxOperation = extremeOperation("max", sign: 1)
let minOperation = extremeOperation("min", sign: -1)

/// Index of the largest element along an axis, the first of equals.
private final class ArgmaxOp: Op {
  private let outer: Int, extent: Int, inner: Int
  private let flat: Storage

  init(_ x: Tensor, axis: Int) throws {
    outer = x.shape[..<axis].reduce(1, *)
    extent = x.shape[axis]
    inner = x.shape[(axis + 1)...].reduce(1, *)
    flat = try Storage(byteCount: max(1, outer * inner) * 4)
    var shape = x.shape
    shape.remove(at: axis)
    super.init(shape: shape, dtype: .int64)
  }

  override var isDifferentiable: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    let indices = flat.pointer.assumingMemoryBound(to: Int32.self)
    extremeIndices(inputs[0].dtype.scalar, inputs[0].pointer, outer, extent, inner, 1, indices)
    let out = output.pointer.assumingMemoryBound(to: Int64.self)
    for i in 0..<(outer * inner) { out[i] = Int64(indices[i]) / Int64(inner) % Int64(extent) }
  }
}

let argmaxOperation = Operation("argmax", .plain, inputs: 1...1, arguments: ["axis"]) { inputs, attributes in
  try requireFloating("argmax", inputs)
  var x = inputs[0]
  if !attributes.has("axis") { x = try reshape(x, to: [x.count]) }
  let axis = try normalizedAxis("argmax", try attributes.integer("axis", default: 0), x.rank)
  guard x.shape[axis] > 0, x.count <= Int(Int32.max) else {
    throw Failure.shape("argmax: axis \(axis) of shape \(describe(x.shape)) has nothing to compare")
  }
  return try ArgmaxOp(x, axis: axis).apply([x])
}
