import Kernels
import Vocabulary

/// Layer normalization over the trailing axes (Ba, Kiros and Hinton, 2016), fused: y = w h + b, h = s (x - m) row by row;
/// without a bias that of the root mean square (Zhang and Sennrich, 2019), of which m is 0. The derivatives are those of
/// `RowNorm`.
private final class RowNormOp: Op {
  private let norm: RowNorm
  private let eps: Double

  init(_ x: Tensor, width: Int, eps: Double, isCentered: Bool) throws {
    norm = try RowNorm(rows: width == 0 ? 0 : x.count / width, width: width, isCentered: isCentered)
    self.eps = eps
    super.init(shape: x.shape, dtype: x.dtype)
  }

  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool { index < 2 }
  override var readsOutput: Bool { false }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    norm.normalize(
      dtype.scalar, inputs[0].pointer, weight: inputs[1].pointer,
      bias: inputs.count > 2 ? UnsafeRawPointer(inputs[2].pointer) : nil, eps: eps,
      output.pointer)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    if !inputs.contains(where: \.tangent.ready) { return }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    for k in 0..<count {
      norm.tangent(
        dtype.scalar, inputs[0].pointer, weight: inputs[1].pointer, dx: tangent(inputs[0], k),
        dw: tangent(inputs[1], k), db: inputs.count > 2 ? tangent(inputs[2], k) : nil,
        out + k * output.byteCount, accumulate)
    }
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard isFirst(inputs, index) else { return }
    let pulled = RowPullback(dg: output.gradient.pointer)
    try pull(inputs, [pulled]) { try $0.gradient.receive($0.byteCount) }
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard isFirst(inputs, index) else { return }
    let pulled = (0..<count).map { k in
      RowPullback(
        g: output.gradient.pointer,
        dg: output.gradientTangent.ready ? output.gradientTangent.pointer + k * output.byteCount : nil,
        dx: tangent(inputs[0], k), dw: tangent(inputs[1], k))
    }
    try pull(inputs, pulled) { try $0.gradientTangent.receive(count * $0.byteCount) }
  }

  /// One pass serves all inputs, and comes with the first of them that a sweep asks for.
  private func isFirst(_ inputs: [Tensor], _ index: Int) -> Bool {
    inputs.firstIndex(where: \.requiresGrad) == index
  }

  private func pull(
    _ inputs: [Tensor], _ pulled: [RowPullback],
    _ receive: (Tensor) throws -> (pointer: UnsafeMutableRawPointer, accumulate: Bool)
  ) throws {
    let targets = try inputs.map { $0.requiresGrad ? try receive($0) : nil }
    for (k, pulled) in pulled.enumerated() {
      let gx = targets[0].map { ($0.pointer + k * inputs[0].byteCount, $0.accumulate) }
      let sums = norm.pull(
        dtype.scalar, inputs[0].pointer, weight: inputs[1].pointer, pulled, gx: gx,
        sums: targets.dropFirst().contains { $0 != nil })
      for (index, values) in [(1, sums.dropFirst(norm.width)), (2, sums.prefix(norm.width))]
      where index < targets.count {
        guard let (pointer, accumulate) = targets[index] else { continue }
        try write(values, pointer + k * inputs[index].byteCount, accumulate)
      }
    }
  }

  private func write(_ values: ArraySlice<Double>, _ out: UnsafeMutableRawPointer, _ accumulate: Bool) throws
  {
    let own = try Storage(byteCount: max(1, values.count * dtype.byteCount))
    values.withUnsafeBytes {
      if let base = $0.baseAddress { castElements(.float64, base, dtype, own.pointer, values.count) }
    }
    scale(dtype.scalar, own.pointer, 1, out, values.count, accumulate)
  }

  private func tangent(_ input: Tensor, _ k: Int) -> UnsafeRawPointer? {
    input.tangent.ready ? UnsafeRawPointer(input.tangent.pointer + k * input.byteCount) : nil
  }
}

private func rowNorm(_ name: String, isCentered: Bool, examples: [Operation.Example]) -> Operation {
  let count = isCentered ? 3 : 2
  return Operation(name, .fused, inputs: count...count, arguments: ["eps"], examples: examples) {
    inputs, attributes in
    try requireFloating(name, inputs)
    let (x, w) = (inputs[0], inputs[1])
    guard w.rank >= 1, x.rank >= w.rank, Array(x.shape.suffix(w.rank)) == w.shape,
      inputs.dropFirst(2).allSatisfy({ $0.shape == w.shape })
    else {
      throw Failure.shape(
        "\(name): takes x (..., *shape) and weight \(isCentered ? "and bias " : "")of that shape, got "
          + inputs.map { describe($0.shape) }.joined(separator: ", "))
    }
    let eps = try attributes.number("eps", default: 1e-5)
    guard eps > 0 else { throw Failure.value("\(name): eps must be positive, got \(eps)") }
    return try RowNormOp(x, width: w.count, eps: eps, isCentered: isCentered).apply(inputs)
  }
}

let layerNormOperation = rowNorm(
  "layer_norm", isCentered: true,
  examples: [
    .init([[4, 5], [5], [5]]), .init([[3, 2, 9], [2, 9], [2, 9]], ["eps": .numbers([0.1])]),
    .init([[2, 3, 35], [35], [35]]), .init([[0, 3], [3], [3]]), .init([[3], [3], [3]]),
  ])

let rmsNormOperation = rowNorm(
  "rms_norm", isCentered: false,
  examples: [
    .init([[4, 5], [5]]), .init([[3, 2, 9], [2, 9]], ["eps": .numbers([0.1])]), .init([[2, 3, 35], [35]]),
    .init([[0, 3], [3]]), .init([[3], [3]]),
  ])
