import Kernels
import Vocabulary

/// Conversion between element types; differentiable between the floating ones.
private final class CastOp: Op {
  override init(shape: [Int], dtype: DType) { super.init(shape: shape, dtype: dtype) }

  override var isDifferentiable: Bool { dtype.isFloating }
  override var derivesFromValues: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    castElements(inputs[0].dtype, inputs[0].pointer, dtype, output.pointer, output.count)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard inputs[0].tangent.ready else { return }
    let (out, _) = try output.tangent.receive(count * output.byteCount)
    castElements(inputs[0].dtype, inputs[0].tangent.pointer, dtype, out, count * output.count)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    try add(output.gradient.pointer, &inputs[0].gradient, inputs[0], 1)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard output.gradientTangent.ready else { return }
    try add(output.gradientTangent.pointer, &inputs[0].gradientTangent, inputs[0], count)
  }

  private func add(_ g: UnsafeRawPointer, _ buffer: inout SweepBuffer, _ x: Tensor, _ count: Int) throws {
    let (out, accumulate) = try buffer.receive(count * x.byteCount)
    let converted = try Storage(byteCount: count * x.byteCount)
    castElements(dtype, g, x.dtype, converted.pointer, count * x.count)
    scale(x.dtype.scalar, converted.pointer, 1, out, count * x.count, accumulate)
  }
}

let castOperation = Operation(
  "cast", .linear, inputs: 1...1, arguments: ["dtype"],
  examples: [.init([[3, 2]], ["dtype": .text("float64")]), .init([[0]], ["dtype": .text("float64")])]
) { inputs, attributes in
  let name = try attributes.text("dtype")
  guard let dtype = DType(name: name) else {
    let known = DType.allCases.map(\.name).joined(separator: ", ")
    throw Failure.type("cast: dtype must be one of \(known), got '\(name)'")
  }
  return inputs[0].dtype == dtype ? inputs[0] : try CastOp(shape: inputs[0].shape, dtype: dtype).apply(inputs)
}

private final class CompareOp: Op {
  private let relation: String

  init(_ relation: String, _ shape: [Int]) {
    self.relation = relation
    super.init(shape: shape, dtype: .bool)
  }

  override var isDifferentiable: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    // Whole numbers beyond 2^53 are not doubles: they are compared as what they are.
    let common: DType = inputs.contains(where: \.dtype.isFloating) ? .float64 : .int64
    let operands = try inputs.map { input in
      let wide = try Storage(byteCount: input.count * 8)
      castElements(input.dtype, input.pointer, common, wide.pointer, input.count)
      return (values: wide, places: broadcastPlaces(input.shape, to: shape))
    }
    withExtendedLifetime(operands) {
      compareElements(
        relation, common, operands[0].values.pointer, operands[0].places, operands[1].values.pointer,
        operands[1].places, output.pointer.assumingMemoryBound(to: UInt8.self))
    }
  }
}

/// For each element of the broadcast array, its place in the array of `shape`.
private func broadcastPlaces(_ shape: [Int], to target: [Int]) -> [Int] {
  let strides = broadcastStrides(shape, to: target)
  var places = [0]
  for axis in target.indices {
    places = places.flatMap { base in (0..<target[axis]).map { base + $0 * strides[axis] } }
  }
  return places
}

/// Comparisons of any two dtypes, with broadcasting, as bool.
let compareOperations: [Operation] = ["eq", "ne", "lt", "le", "gt", "ge"].map { name in
  Operation(name, .plain, inputs: 2...2) { inputs, _ in
    let shape = try broadcastShape(name, inputs[0].shape, inputs[1].shape)
    return try CompareOp(name, shape).apply(inputs)
  }
}
