import Kernels
import Vocabulary

/// a + b and a - b with broadcasting.
private final class SumOp: LinearOp {
  private let alpha: Double
  private let sameShape: Bool

  init(shape: [Int], _ a: Tensor, _ b: Tensor, alpha: Double) {
    self.alpha = alpha
    sameShape = a.shape == b.shape
    let maps: [any LinearMap] =
      sameShape
      ? [ScaledMap(count: a.count, alpha: 1), ScaledMap(count: a.count, alpha: alpha)]
      : [WalkMap.broadcast(a.shape, to: shape), WalkMap.broadcast(b.shape, to: shape, alpha: alpha)]
    super.init(shape: shape, dtype: a.dtype, maps: maps)
  }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    guard sameShape else { return try super.forward(inputs, output) }
    addScaled(dtype.scalar, inputs[0].pointer, inputs[1].pointer, alpha, output.pointer, output.count)
  }
}

private let broadcastingExamples: [Operation.Example] = [
  .init([[3, 4], [3, 4]]), .init([[3, 4], [4]]), .init([[3, 1], [1, 4]]), .init([[], [2, 3]]),
  .init([[0, 3], [3]]),
  .init([[1], [1]]), .init([[2, 3, 5], [3, 1]]),
]

private func sumOperation(_ name: String, alpha: Double) -> Operation {
  Operation(name, .linear, inputs: 2...2, examples: broadcastingExamples) { inputs, _ in
    try requireFloating(name, inputs)
    let shape = try broadcastShape(name, inputs[0].shape, inputs[1].shape)
    return try SumOp(shape: shape, inputs[0], inputs[1], alpha: alpha).apply(inputs)
  }
}

let addOperation = sumOperation("add", alpha: 1)
let subOperation = sumOperation("sub", alpha: -1)

/// x read as if it had a larger shape.
let broadcastOperation = Operation(
  "broadcast", .linear, inputs: 1...1, arguments: ["shape"],
  examples: [.init([[3, 1]], ["shape": .numbers([2, 3, 4])]), .init([[]], ["shape": .numbers([0, 2])])]
) { inputs, attributes in
  try requireFloating("broadcast", inputs)
  let target = try attributes.integers("shape") ?? []
  try checkRoom(target, inputs[0].dtype)
  guard try broadcastShape("broadcast", inputs[0].shape, target) == target else {
    throw Failure.shape(
      "broadcast: shape \(describe(inputs[0].shape)) does not broadcast to \(describe(target))")
  }
  return try broadcast(inputs[0], to: target)
}

func broadcast(_ x: Tensor, to shape: [Int]) throws -> Tensor {
  if x.shape == shape { return x }
  return try LinearOp(shape: shape, dtype: x.dtype, maps: [WalkMap.broadcast(x.shape, to: shape)]).apply([x])
}

/// a b element by element: each partial gradient is the product of the other two.
private struct ProductForm: BilinearForm {
  let count: Int

  func partial(
    _ target: Role, _ dtype: DType, _ a: Operand, _ b: Operand, _ out: UnsafeMutableRawPointer, _ stack: Int,
    _ accumulate: Bool, _ finish: GemmFinish
  ) {
    let bytes = count * dtype.byteCount
    for k in 0..<stack {
      multiply(
        dtype.scalar, a.pointer + (a.stacked ? k * bytes : 0), b.pointer + (b.stacked ? k * bytes : 0),
        out + k * bytes, count, accumulate)
    }
  }
}

private func product(_ name: String, _ a: Tensor, _ b: Tensor) throws -> Tensor {
  let shape = try broadcastShape(name, a.shape, b.shape)
  let form = ProductForm(count: shape.reduce(1, *))
  return try BilinearOp(shape: shape, dtype: a.dtype, form: form)
    .apply([broadcast(a, to: shape), broadcast(b, to: shape)])
}

let mulOperation = Operation("mul", .bilinear, inputs: 2...2, examples: broadcastingExamples) { inputs, _ in
  try requireFloating("mul", inputs)
  return try product("mul", inputs[0], inputs[1])
}

/// a / b as the product of a and 1 / b, which its derivatives are taken of. The value is divided once and so rounded once,
/// and is a number also where 1 / b is none. Inputs: a, 1 / b, b.
private final class QuotientOp: BilinearOp {
  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    divide(dtype.scalar, inputs[0].pointer, inputs[2].pointer, output.pointer, output.count)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    if index < 2 { try super.pull(inputs, output, index) }
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    if index < 2 { try super.pullTangent(inputs, output, index, count) }
  }
}

let divOperation = Operation(
  "div", .bilinear, inputs: 2...2,
  examples: broadcastingExamples.map { Operation.Example($0.shapes, [:], .positive) }
) { inputs, _ in
  try requireFloating("div", inputs)
  let shape = try broadcastShape("div", inputs[0].shape, inputs[1].shape)
  let divisor = try broadcast(inputs[1], to: shape)
  return try QuotientOp(
    shape: shape, dtype: inputs[0].dtype, form: ProductForm(count: shape.reduce(1, *))
  ).apply([broadcast(inputs[0], to: shape), apply("reciprocal", [divisor]), divisor])
}
