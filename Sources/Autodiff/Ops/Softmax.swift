import Kernels
import Vocabulary

/// Softmax over the last axis, fused; its derivatives are those of `softmaxDerivative` and `softmaxCurvature`.
private final class SoftmaxOp: Op {
  private let width: Int
  private let rows: Int
  private let emptyIsZero: Bool
  private let causal: Int

  init(_ x: Tensor, emptyIsZero: Bool, causal: Bool) {
    width = x.shape.last!
    rows = x.shape.dropLast().reduce(1, *)
    self.emptyIsZero = emptyIsZero
    self.causal = causal ? x.shape[x.rank - 2] : 0
    super.init(shape: x.shape, dtype: x.dtype)
  }

  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    softmaxRows(
      dtype.scalar, inputs[0].pointer, output.pointer, rows, width, emptyIsZero: emptyIsZero, causal: causal)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard inputs[0].tangent.ready else { return }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    derive(output, inputs[0].tangent.pointer, out, count, accumulate)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    let (out, accumulate) = try inputs[0].gradient.receive(output.byteCount)
    derive(output, output.gradient.pointer, out, 1, accumulate)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    let x = inputs[0]
    if output.gradientTangent.ready {
      let (out, accumulate) = try x.gradientTangent.receive(count * x.byteCount)
      derive(output, output.gradientTangent.pointer, out, count, accumulate)
    }
    guard x.tangent.ready else { return }
    let (out, accumulate) = try x.gradientTangent.receive(count * x.byteCount)
    for k in 0..<count {
      softmaxCurvature(
        dtype.scalar, output.pointer, output.gradient.pointer, x.tangent.pointer + k * x.byteCount,
        out + k * x.byteCount, rows, width, accumulate)
    }
  }

  /// J of each of `count` arrays.
  private func derive(
    _ output: Tensor, _ v: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ count: Int, _ accumulate: Bool
  ) {
    for k in 0..<count {
      let offset = k * output.byteCount
      softmaxDerivative(dtype.scalar, output.pointer, v + offset, out + offset, rows, width, accumulate)
    }
  }
}

let softmaxOperation = Operation(
  "softmax", .fused, inputs: 1...1, arguments: ["empty_is_zero", "causal"],
  examples: [
    .init([[3, 4]]), .init([[2, 3, 35]], ["empty_is_zero": .numbers([1])]), .init([[17]]), .init([[0, 3]]),
    .init([[2, 3, 5]], ["causal": .numbers([1])]), .init([[2, 35, 33]], ["causal": .numbers([1])]),
    .init([[3, 1]]), .init([[2, 0]]),
  ]
) { inputs, attributes in
  try requireFloating("softmax", inputs)
  guard inputs[0].rank >= 1 else { throw Failure.shape("softmax: a scalar has no axis to sum over") }
  let emptyIsZero = try attributes.flag("empty_is_zero", default: false)
  let causal = try attributes.flag("causal", default: false)
  guard !causal || inputs[0].rank >= 2 else {
    throw Failure.shape("softmax: causal needs rows of sequences, got shape \(describe(inputs[0].shape))")
  }
  return try SoftmaxOp(inputs[0], emptyIsZero: emptyIsZero, causal: causal).apply(inputs)
}
