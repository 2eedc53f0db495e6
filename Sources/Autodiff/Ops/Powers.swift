import Kernels
import Vocabulary

/// x^u of two tensors of one shape. Where the exponent is a constant number, `power` is faster.
private final class PowerOp: Op {
  override var readsOutput: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    raise(dtype.scalar, inputs[0].pointer, inputs[1].pointer, output.pointer, output.count)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    for (i, input) in inputs.enumerated() where input.tangent.ready {
      try addDerivative(inputs, i, input.tangent.pointer, &output.tangent, output, count)
    }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    try addDerivative(inputs, index, output.gradient.pointer, &inputs[index].gradient, output, 1)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    let (x, u) = (inputs[0], inputs[1])
    if output.gradientTangent.ready {
      try addDerivative(
        inputs, index, output.gradientTangent.pointer, &inputs[index].gradientTangent, output, count)
    }
    guard x.tangent.ready || u.tangent.ready else { return }
    let bytes = output.byteCount
    let (out, accumulate) = try inputs[index].gradientTangent.receive(count * bytes)
    if !accumulate { fill(dtype.scalar, out, count * output.count, 0) }
    for k in 0..<count {
      powerCurvature(
        dtype.scalar, x.pointer, u.pointer, byExponent: index == 1,
        x.tangent.ready ? UnsafeRawPointer(x.tangent.pointer + k * bytes) : nil,
        u.tangent.ready ? UnsafeRawPointer(u.tangent.pointer + k * bytes) : nil,
        output.gradient.pointer, out + k * bytes, output.count)
    }
  }

  /// buffer[k] (+)= the derivative with respect to input `index` times v[k]
  private func addDerivative(
    _ inputs: [Tensor], _ index: Int, _ v: UnsafeRawPointer, _ buffer: inout SweepBuffer, _ output: Tensor,
    _ count: Int
  ) throws {
    let bytes = output.byteCount
    let (out, accumulate) = try buffer.receive(count * bytes)
    for k in 0..<count {
      powerDerivative(
        dtype.scalar, inputs[0].pointer, inputs[1].pointer, byExponent: index == 1, v + k * bytes,
        out + k * bytes, output.count, accumulate)
    }
  }
}

let powOperation = Operation(
  "pow", .fused, inputs: 2...2,
  examples: [[[3, 4], [3, 4]], [[3, 1], [4]], [[], [2, 3]], [[0, 3], [3]]].map { .init($0, [:], .positive) }
) { inputs, _ in
  try requireFloating("pow", inputs)
  let shape = try broadcastShape("pow", inputs[0].shape, inputs[1].shape)
  return try PowerOp(shape: shape, dtype: inputs[0].dtype)
    .apply([broadcast(inputs[0], to: shape), broadcast(inputs[1], to: shape)])
}
