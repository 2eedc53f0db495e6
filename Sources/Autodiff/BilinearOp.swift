import Kernels
import Vocabulary

/// The three arguments of the trilinear form <g, B(x, w)>.
enum Role {
  case output
  case left
  case right
}

/// One factor of a contraction: one array, or K of them stacked.
struct Operand {
  let pointer: UnsafeRawPointer
  let stacked: Bool
  /// The value of a view, which lies as its tensor says.
  var isView = false
}

/// A bilinear map B, stated as the three partial gradients of <g, B(x, w)>:
/// output: B(x, w) from (x, w); left: gradient in x from (g, w); right: gradient in w from (g, x).
protocol BilinearForm {
  /// Whether `partial` does what `finish` says; else that must be nothing.
  var finishes: Bool { get }
  /// out[k] (+)= the partial of a[k] and b[k], k < count; an operand that is not stacked is shared by all k.
  func partial(
    _ target: Role, _ dtype: DType, _ a: Operand, _ b: Operand, _ out: UnsafeMutableRawPointer, _ count: Int,
    _ accumulate: Bool, _ finish: GemmFinish)
}

extension BilinearForm {
  var finishes: Bool { false }
}

/// y = B(x, w), all passes by the product rule.
class BilinearOp: Op {
  let form: any BilinearForm

  init(shape: [Int], dtype: DType, form: any BilinearForm) {
    self.form = form
    super.init(shape: shape, dtype: dtype)
  }

  /// The gradient of each factor is computed from the other.
  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool {
    index < 2 && inputs[1 - index].requiresGrad
  }
  override var readsOutput: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    form.partial(.output, dtype, value(inputs[0]), value(inputs[1]), output.pointer, 1, false, .none)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    let (x, w) = (inputs[0], inputs[1])
    if x.tangent.ready { try add(.output, tangent(x), value(w), &output.tangent, output, count) }
    if w.tangent.ready { try add(.output, value(x), tangent(w), &output.tangent, output, count) }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    try add(
      role(index), gradient(output), value(inputs[1 - index]), &inputs[index].gradient, inputs[index], 1)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    let (target, other) = (inputs[index], inputs[1 - index])
    if output.gradientTangent.ready {
      let dg = Operand(pointer: output.gradientTangent.pointer, stacked: true)
      try add(role(index), dg, value(other), &target.gradientTangent, target, count)
    }
    if other.tangent.ready {
      try add(role(index), gradient(output), tangent(other), &target.gradientTangent, target, count)
    }
  }

  private func role(_ index: Int) -> Role { index == 0 ? .left : .right }
  fileprivate func value(_ t: Tensor) -> Operand {
    Operand(pointer: t.pointer, stacked: false, isView: t.strides != nil)
  }
  private func tangent(_ t: Tensor) -> Operand { Operand(pointer: t.tangent.pointer, stacked: true) }
  private func gradient(_ t: Tensor) -> Operand { Operand(pointer: t.gradient.pointer, stacked: false) }

  private func add(
    _ target: Role, _ a: Operand, _ b: Operand, _ buffer: inout SweepBuffer, _ owner: Tensor, _ count: Int
  ) throws {
    let (out, accumulate) = try buffer.receive(count * owner.byteCount)
    let watch = form.finishes ? buffer.watch : nil
    form.partial(target, dtype, a, b, out, count, accumulate, GemmFinish(watch: watch))
    buffer.isWatched = watch != nil
  }
}

/// y = B(x, w) + b with b along the last axis: added to complete sums where the form can, else the sums start from it.
final class BiasedBilinearOp: BilinearOp {
  private let bias: WalkMap

  override init(shape: [Int], dtype: DType, form: any BilinearForm) {
    bias = WalkMap.broadcast([shape.last!], to: shape)
    super.init(shape: shape, dtype: dtype, form: form)
  }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    let b = inputs[2].pointer
    if !form.finishes { bias.apply(dtype, b, output.pointer, false) }
    form.partial(
      .output, dtype, value(inputs[0]), value(inputs[1]), output.pointer, 1, !form.finishes,
      form.finishes ? GemmFinish(bias: b) : .none)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    try super.push(inputs, output, count)
    let b = inputs[2]
    guard b.tangent.ready else { return }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    for k in 0..<count {
      bias.apply(dtype, b.tangent.pointer + k * b.byteCount, out + k * output.byteCount, accumulate)
    }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard index == 2 else { return try super.pull(inputs, output, index) }
    let (out, accumulate) = try inputs[2].gradient.receive(inputs[2].byteCount)
    bias.adjoint(dtype, output.gradient.pointer, out, accumulate)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard index == 2 else { return try super.pullTangent(inputs, output, index, count) }
    guard output.gradientTangent.ready else { return }
    let b = inputs[2]
    let (out, accumulate) = try b.gradientTangent.receive(count * b.byteCount)
    for k in 0..<count {
      bias.adjoint(
        dtype, output.gradientTangent.pointer + k * output.byteCount, out + k * b.byteCount, accumulate)
    }
  }
}
