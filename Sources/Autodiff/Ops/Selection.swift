import Kernels
import Vocabulary

/// Two inputs of one shape, one of them chosen at each place: linear, with the mask that the value pass chose.
private class ChoiceOp: LinearOp {
  let first: MaskMap
  let second: MaskMap

  init(_ shape: [Int], _ dtype: DType) throws {
    let count = shape.reduce(1, *)
    first = try MaskMap(count, dtype)
    second = try MaskMap(count, dtype)
    super.init(shape: shape, dtype: dtype, maps: [first, second])
  }

  func finishMasks() {
    complement(dtype.scalar, first.mask.pointer, second.mask.pointer, first.sourceCount)
  }
}

/// The larger (or smaller) of two; of equals the first, which gets the whole gradient.
private final class ExtremumOp: ChoiceOp {
  private let larger: Bool

  init(_ shape: [Int], _ dtype: DType, larger: Bool) throws {
    self.larger = larger
    try super.init(shape, dtype)
  }

  override func prepare(_ inputs: [Tensor]) throws {
    greaterMask(
      dtype.scalar, inputs[0].pointer, inputs[1].pointer, larger ? 1 : -1, first.mask.pointer,
      first.sourceCount)
    finishMasks()
  }
}

private func extremumOperation(_ name: String, larger: Bool) -> Operation {
  Operation(
    name, .linear, inputs: 2...2,
    examples: [
      .init([[3, 4], [4]], [:], .separated), .init([[0], [1]], [:], .separated),
      .init([[], []], [:], .separated),
    ]
  ) { inputs, _ in
    try requireFloating(name, inputs)
    let shape = try broadcastShape(name, inputs[0].shape, inputs[1].shape)
    return try ExtremumOp(shape, inputs[0].dtype, larger: larger)
      .apply(inputs.map { try broadcast($0, to: shape) })
  }
}

let maximumOperation = extremumOperation("maximum", larger: true)
let minimumOperation = extremumOperation("minimum", larger: false)

/// a where the condition holds, else b.
private final class WhereOp: ChoiceOp {
  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    castElements(inputs[2].dtype, inputs[2].pointer, dtype, first.mask.pointer, first.sourceCount)
    finishMasks()
    try super.forward(inputs, output)
  }
}

let whereOperation = Operation("where", .linear, inputs: 3...3) { inputs, _ in
  let (condition, a, b) = (inputs[0], inputs[1], inputs[2])
  try requireFloating("where", [a, b])
  guard condition.dtype == .bool else {
    throw Failure.type("where: the condition must be bool, got \(condition.dtype.name); compare to make one")
  }
  let shape = try broadcastShape("where", condition.shape, try broadcastShape("where", a.shape, b.shape))
  guard condition.shape == shape else {
    throw Failure.shape(
      "where: the condition must have the result's shape \(describe(shape)), got \(describe(condition.shape))"
    )
  }
  return try WhereOp(shape, a.dtype).apply([broadcast(a, to: shape), broadcast(b, to: shape), condition])
}

/// Integer indices as Int32, each checked against `limit`.
func readIndices(
  _ name: String, _ what: String, _ index: Tensor, _ limit: Int, into out: UnsafeMutablePointer<Int32>
) throws {
  let n = index.count
  if index.dtype == .int64 {
    let values = index.pointer.assumingMemoryBound(to: Int64.self)
    for i in 0..<n {
      guard values[i] >= 0, values[i] < limit else {
        throw Failure.value(
          "\(name): \(what) must be between 0 and \(limit - 1), got \(values[i]) at position \(i)")
      }
      out[i] = Int32(truncatingIfNeeded: values[i])
    }
  } else {
    let values = index.pointer.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n {
      guard Int(values[i]) < limit else {
        throw Failure.value(
          "\(name): \(what) must be between 0 and \(limit - 1), got \(values[i]) at position \(i)")
      }
      out[i] = Int32(values[i])
    }
  }
}

/// Rows of the first axis by index: embedding, and indexing with an array.
final class GatherOp: LinearOp {
  private let map: SelectMap
  private let limit: Int

  init(_ x: Tensor, _ index: Tensor) throws {
    limit = x.shape[0]
    map = try SelectMap(rows: index.count, width: x.shape.dropFirst().reduce(1, *), sourceCount: x.count)
    super.init(shape: index.shape + x.shape.dropFirst(), dtype: x.dtype, maps: [map])
  }

  override func prepare(_ inputs: [Tensor]) throws {
    try readIndices("gather", "index", inputs[1], limit, into: map.indices)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard index == 0, let rows = inputs[0].gradient.rows else {
      return try super.pull(inputs, output, index)
    }
    let (_, accumulate) = try inputs[0].gradient.receive(inputs[0].byteCount)
    let buffer = inputs[0].gradient
    inputs[0].gradient.isWatched = rows.add(
      map, dtype, output.gradient.pointer, accumulate: accumulate, buffer.watch)
  }
}

let gatherOperation = Operation("gather", .linear, inputs: 2...2) { inputs, _ in
  let (x, index) = (inputs[0], inputs[1])
  try requireFloating("gather", [x])
  guard index.dtype == .int64 || index.dtype == .uint8 else {
    throw Failure.type("gather: the index must be int64 or uint8, got \(index.dtype.name)")
  }
  guard x.rank >= 1 else { throw Failure.shape("gather: a scalar has no rows") }
  return try GatherOp(x, index).apply(inputs)
}
