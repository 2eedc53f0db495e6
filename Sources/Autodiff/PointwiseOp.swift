import Kernels
import Vocabulary

/// y = phi(x), element by element: phi' scales tangents and gradients, phi'' bends them.
final class PointwiseOp: Op {
  let kernels: PointwiseKernels
  let parameters: PointwiseParameters

  init(shape: [Int], dtype: DType, kernels: PointwiseKernels, parameters: PointwiseParameters) {
    self.kernels = kernels
    self.parameters = parameters
    super.init(shape: shape, dtype: dtype)
  }

  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool { kernels.reads != .output }
  override var readsOutput: Bool { kernels.reads != .input }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    kernels.value(inputs[0].pointer, output.pointer, output.count, parameters)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard inputs[0].tangent.ready else { return }
    try scaleByFirst(inputs[0], output, inputs[0].tangent.pointer, &output.tangent, count)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    try scaleByFirst(inputs[0], output, output.gradient.pointer, &inputs[0].gradient, 1)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    let (x, y) = (inputs[0], output)
    if y.gradientTangent.ready {
      try scaleByFirst(x, y, y.gradientTangent.pointer, &x.gradientTangent, count)
    }
    guard kernels.bends, x.tangent.ready else { return }
    let (out, accumulate) = try x.gradientTangent.receive(count * x.byteCount)
    if !accumulate { fill(dtype.scalar, out, count * x.count, 0) }
    for k in 0..<count {
      kernels.second(
        x.pointer, y.pointer, x.tangent.pointer + k * x.byteCount, y.gradient.pointer, out + k * x.byteCount,
        x.count, parameters)
    }
  }

  /// buffer[k] (+)= phi'(x) v[k]
  private func scaleByFirst(
    _ x: Tensor, _ y: Tensor, _ v: UnsafeRawPointer, _ buffer: inout SweepBuffer, _ count: Int
  ) throws {
    let (out, accumulate) = try buffer.receive(count * x.byteCount)
    for k in 0..<count {
      kernels.first(
        x.pointer, y.pointer, v + k * x.byteCount, out + k * x.byteCount, x.count, accumulate, parameters)
    }
  }
}
