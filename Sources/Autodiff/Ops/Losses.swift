import Kernels
import Vocabulary

/// Mean softmax cross-entropy of logits [N, C] against N labels, fused: with p the softmax and e the one-hot labels,
/// gradient (p - e) / N and Hessian (diag p - p p') / N per row.
private final class CrossEntropyOp: Op {
  private let rows: Int
  private let classes: Int
  /// The softmax; of many classes it is computed anew where it is needed.
  private let probabilities: Storage?
  private let wide: WideCrossEntropy?
  private let labels: Storage

  init(_ logits: Tensor) throws {
    rows = logits.shape[0]
    classes = logits.shape[1]
    let isWide = WideCrossEntropy.takes(classes)
    wide = isWide ? try WideCrossEntropy(rows: rows, classes: classes) : nil
    probabilities = isWide ? nil : try Storage(byteCount: logits.byteCount)
    labels = try Storage(byteCount: rows * 4)
    super.init(shape: [], dtype: logits.dtype)
  }

  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool { wide != nil && index == 0 }
  override var readsOutput: Bool { false }

  private var indices: UnsafeMutablePointer<Int32> { labels.pointer.assumingMemoryBound(to: Int32.self) }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    try readIndices("cross_entropy", "labels", inputs[1], classes, into: indices)
    let total =
      wide?.loss(dtype.scalar, inputs[0].pointer, indices)
      ?? softmaxCrossEntropy(
        dtype.scalar, inputs[0].pointer, indices, probabilities!.pointer, rows, classes)
    fill(dtype.scalar, output.pointer, 1, total / Double(rows))
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    guard inputs[0].tangent.ready else { return }
    let (out, _) = try output.tangent.receive(count * output.byteCount)
    for k in 0..<count {
      let dx = inputs[0].tangent.pointer + k * inputs[0].byteCount
      let total =
        wide?.tangent(dtype.scalar, inputs[0].pointer, indices, dx)
        ?? crossEntropyTangent(dtype.scalar, probabilities!.pointer, indices, dx, rows, classes)
      fill(dtype.scalar, out + k * output.byteCount, 1, total / Double(rows))
    }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard index == 0 else { return }
    let (out, accumulate) = try inputs[0].gradient.receive(inputs[0].byteCount)
    gradient(inputs[0], scalar(output.gradient.pointer), out, accumulate)
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard index == 0 else { return }
    let x = inputs[0]
    if output.gradientTangent.ready {
      let (out, accumulate) = try x.gradientTangent.receive(count * x.byteCount)
      for k in 0..<count {
        let dg = scalar(output.gradientTangent.pointer + k * output.byteCount)
        gradient(x, dg, out + k * x.byteCount, accumulate)
      }
    }
    guard x.tangent.ready else { return }
    let g = scalar(output.gradient.pointer) / Double(rows)
    let (out, accumulate) = try x.gradientTangent.receive(count * x.byteCount)
    if !accumulate { fill(dtype.scalar, out, count * x.count, 0) }
    for k in 0..<count {
      let (dx, out) = (x.tangent.pointer + k * x.byteCount, out + k * x.byteCount)
      if let wide {
        wide.curvature(dtype.scalar, x.pointer, dx, g, out)
      } else {
        crossEntropyCurvature(dtype.scalar, probabilities!.pointer, dx, g, out, rows, classes)
      }
    }
  }

  /// out (+)= g times the gradient of the loss
  private func gradient(_ x: Tensor, _ g: Double, _ out: UnsafeMutableRawPointer, _ accumulate: Bool) {
    if let wide {
      wide.gradient(dtype.scalar, x.pointer, indices, g / Double(rows), out, accumulate)
    } else {
      crossEntropyGradient(
        dtype.scalar, probabilities!.pointer, indices, g / Double(rows), out, rows, classes, accumulate)
    }
  }

  private func scalar(_ pointer: UnsafeRawPointer) -> Double {
    var value = 0.0
    withUnsafeMutablePointer(to: &value) { castElements(dtype, pointer, .float64, $0, 1) }
    return value
  }
}

let crossEntropyOperation = Operation("cross_entropy", .fused, inputs: 2...2) { inputs, _ in
  let (logits, labels) = (inputs[0], inputs[1])
  try requireFloating("cross_entropy", [logits])
  guard labels.dtype == .int64 || labels.dtype == .uint8 else {
    throw Failure.type("cross_entropy: labels must be int64 or uint8, got \(labels.dtype.name)")
  }
  guard logits.rank == 2, labels.shape == [logits.shape[0]] else {
    throw Failure.shape(
      "cross_entropy: logits must be (N, classes) and labels (N,), got \(describe(logits.shape)) and "
        + describe(labels.shape))
  }
  guard logits.shape[0] > 0, logits.shape[1] > 0 else {
    throw Failure.shape("cross_entropy: the batch is empty: logits have shape \(describe(logits.shape))")
  }
  return try CrossEntropyOp(logits).apply(inputs)
}
