import Kernels
import Vocabulary

/// Batch normalization over the last axis (Ioffe and Szegedy, 2015), with an optional residual and ReLU, fused:
///   z = w s (x - m) + b + r,  s = (v + eps)^(-1/2),  y = z or max(z, 0).
/// With h = s (x - m) the normalized input, G0 and G1 the sums over rows of gz and of gz h, and n the rows,
///   gb = G0,  gw = G1,  gx = w s P(gz),  P(g) = g - G0 / n - h G1 / n,
///   dh = s (dx - mean dx) - q h,  q = s mean (h dx),  ds = -q s,
/// and the tangent of gx follows by the product rule. With the running statistics, m and s are constants: 1 / n and q
/// become 0 in the above.
private final class BatchNormOp: Op {
  private let rows: Int
  private let channels: Int
  private let eps: Double
  private let fixed: Bool
  private let relu: Bool
  private var mean: [Double] = []
  private(set) var variance: [Double] = []
  private var scale: [Double] = []
  /// What the last forward pass multiplied x by and added.
  private var line: (factors: [Double], constant: [Double]) = ([], [])
  /// G0 and G1 of the last gradient pulled through.
  private var sums: (g0: [Double], g1: [Double]) = ([], [])

  init(_ x: Tensor, eps: Double, fixed: Bool, relu: Bool) {
    channels = x.shape.last!
    rows = x.shape.dropLast().reduce(1, *)
    (self.eps, self.fixed, self.relu) = (eps, fixed, relu)
    super.init(shape: x.shape, dtype: x.dtype)
  }

  override func reads(_ inputs: [Tensor], _ index: Int) -> Bool { index < 2 }
  /// The gate, where there is a residual.
  override var readsOutput: Bool { relu }

  private var perRow: Double { fixed ? 0 : 1 / Double(rows) }

  /// running = (1 - momentum) running + momentum statistic, with the unbiased variance.
  func updateStatistics(_ momentum: Double, _ runningMean: Tensor, _ runningVariance: Tensor) throws {
    // Both or none.
    let rooms = try [runningMean, runningVariance].map { try Storage(byteCount: $0.byteCount) }
    let unbiased = Double(rows) / Double(max(1, rows - 1))
    let statistics = [(runningMean, mean), (runningVariance, variance.map { $0 * unbiased })]
    for (room, (running, batch)) in zip(rooms, statistics) {
      let old = doubles(running.pointer)
      write(zip(old, batch).map { (1 - momentum) * $0 + momentum * $1 }, running.pointer, false, by: room)
    }
  }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    let x = inputs[0]
    if fixed {
      (mean, variance) = (doubles(inputs[3].pointer), doubles(inputs[4].pointer))
    } else {
      (mean, variance) = channelMoments(dtype.scalar, rows, channels, x.pointer)
    }
    scale = variance.map { 1 / ($0 + eps).squareRoot() }
    let (w, b) = (doubles(inputs[1].pointer), doubles(inputs[2].pointer))
    let slope = each { w[$0] * self.scale[$0] }
    var terms = [ChannelTerm(x.pointer, slope)]
    if inputs.count == 6 { terms.append(ChannelTerm(inputs[5].pointer, ones)) }
    line = (slope, each { b[$0] - slope[$0] * self.mean[$0] })
    combine(terms, line.constant, nil, rectify: relu, output.pointer, false)
  }

  override func push(_ inputs: [Tensor], _ output: Tensor, _ count: Int) throws {
    let moving = inputs.enumerated().filter { $0 != 3 && $0 != 4 && $1.tangent.ready }
    if moving.isEmpty { return }
    let (out, accumulate) = try output.tangent.receive(count * output.byteCount)
    let w = doubles(inputs[1].pointer)
    for k in 0..<count {
      let motion = Motion(self, inputs, k)
      var terms: [ChannelTerm] = []
      if let dx = motion.dx { terms.append(ChannelTerm(dx, each { w[$0] * self.scale[$0] })) }
      let slope = each { (motion.dw[$0] - w[$0] * motion.q[$0]) * self.scale[$0] }
      terms.append(ChannelTerm(inputs[0].pointer, slope))
      if inputs.count == 6, inputs[5].tangent.ready {
        terms.append(ChannelTerm(inputs[5].tangent.pointer + k * inputs[5].byteCount, ones))
      }
      let constant = each {
        motion.db[$0] - slope[$0] * self.mean[$0] - w[$0] * self.scale[$0] * motion.mean[$0]
      }
      combine(
        terms, constant, gate(inputs, output), maskResult: relu, out + k * output.byteCount, accumulate)
    }
  }

  override func preparePull(_ inputs: [Tensor], _ output: Tensor) throws {
    sums = gradientSums(inputs, output, output.gradient.pointer)
  }

  override func pull(_ inputs: [Tensor], _ output: Tensor, _ index: Int) throws {
    guard index != 3, index != 4 else { return }
    let target = inputs[index]
    let g = output.gradient.pointer
    let gate = self.gate(inputs, output)
    if index == 5 {
      let (out, accumulate) = try target.gradient.receive(target.byteCount)
      return combine([ChannelTerm(g, ones, masked: relu)], zeros, gate, out, accumulate)
    }
    let (g0, g1) = sums
    let (out, accumulate) = try target.gradient.receive(target.byteCount)
    switch index {
    case 1: try write(g1, out, accumulate)
    case 2: try write(g0, out, accumulate)
    default:
      let w = doubles(inputs[1].pointer)
      let slope = each { w[$0] * self.scale[$0] }
      let bend = each { -slope[$0] * self.scale[$0] * g1[$0] * self.perRow }
      let constant = each { -slope[$0] * g0[$0] * self.perRow - bend[$0] * self.mean[$0] }
      combine(
        [ChannelTerm(g, slope, masked: relu), ChannelTerm(inputs[0].pointer, bend)], constant, gate, out,
        accumulate)
    }
  }

  override func pullTangent(_ inputs: [Tensor], _ output: Tensor, _ index: Int, _ count: Int) throws {
    guard index != 3, index != 4 else { return }
    let (x, target) = (inputs[0], inputs[index])
    let g = UnsafeRawPointer(output.gradient.pointer)
    let gate = self.gate(inputs, output)
    let hasTangent = output.gradientTangent.ready
    if index == 5 || index == 2 {
      guard hasTangent else { return }
      let (out, accumulate) = try target.gradientTangent.receive(count * target.byteCount)
      for k in 0..<count {
        let dg = UnsafeRawPointer(output.gradientTangent.pointer + k * output.byteCount)
        let to = out + k * target.byteCount
        if index == 5 {
          combine([ChannelTerm(dg, ones, masked: relu)], zeros, gate, to, accumulate)
        } else {
          try write(gradientSums(inputs, output, dg).g0, to, accumulate)
        }
      }
      return
    }
    let (g0, g1) = sums
    let w = doubles(inputs[1].pointer)
    let (s, m, n) = (scale, mean, perRow)
    let (out, accumulate) = try target.gradientTangent.receive(count * target.byteCount)
    for k in 0..<count {
      let motion = Motion(self, inputs, k)
      let dg = hasTangent ? UnsafeRawPointer(output.gradientTangent.pointer + k * output.byteCount) : nil
      let (h0, own) = dg.map { gradientSums(inputs, output, $0) } ?? (zeros, zeros)
      // The tangent of G1: sum of dgz h + gz dh.
      var h1 = own
      if let dx = motion.dx {
        let along = channelSums(dtype.scalar, rows, channels, g, gate: gate, dx, shift: motion.mean).product
        for c in 0..<channels { h1[c] += s[c] * along[c] - motion.q[c] * g1[c] }
      }
      let to = out + k * target.byteCount
      if index == 1 {
        try write(h1, to, accumulate)
        continue
      }
      let slope = each { w[$0] * s[$0] }
      let change = each { (motion.dw[$0] - w[$0] * motion.q[$0]) * s[$0] }
      var terms = [ChannelTerm(g, change, masked: relu)]
      if let dg { terms.append(ChannelTerm(dg, slope, masked: relu)) }
      if let dx = motion.dx { terms.append(ChannelTerm(dx, each { -slope[$0] * s[$0] * g1[$0] * n })) }
      let bend = each { c in
        n * s[c] * (-change[c] * g1[c] + slope[c] * (motion.q[c] * g1[c] - h1[c]))
      }
      terms.append(ChannelTerm(x.pointer, bend))
      let constant = each { c in
        n * (-change[c] * g0[c] + slope[c] * (-h0[c] + s[c] * motion.mean[c] * g1[c])) - bend[c] * m[c]
      }
      combine(terms, constant, gate, to, accumulate)
    }
  }

  /// How the inputs move along tangent k: dw, db, the mean of dx, and q.
  private struct Motion {
    let dx: UnsafeRawPointer?
    var dw: [Double], db: [Double], mean: [Double], q: [Double]

    init(_ op: BatchNormOp, _ inputs: [Tensor], _ k: Int) {
      func vector(_ t: Tensor) -> [Double] {
        t.tangent.ready ? op.doubles(t.tangent.pointer + k * t.byteCount) : op.zeros
      }
      (dw, db, mean, q) = (vector(inputs[1]), vector(inputs[2]), op.zeros, op.zeros)
      let x = inputs[0]
      dx = x.tangent.ready ? UnsafeRawPointer(x.tangent.pointer + k * x.byteCount) : nil
      if let dx, !op.fixed {
        let (sum, product) = channelSums(
          op.dtype.scalar, op.rows, op.channels, dx, gate: nil, x.pointer, shift: op.mean)
        mean = sum.map { $0 * op.perRow }
        q = op.each { product[$0] * op.perRow * op.scale[$0] * op.scale[$0] }
      }
    }
  }

  /// Sums over rows of gz and of gz h.
  private func gradientSums(_ inputs: [Tensor], _ output: Tensor, _ g: UnsafeRawPointer) -> (
    g0: [Double], g1: [Double]
  ) {
    let (sum, product) = channelSums(
      dtype.scalar, rows, channels, g, gate: gate(inputs, output), inputs[0].pointer, shift: mean)
    return (sum, each { product[$0] * self.scale[$0] })
  }

  /// Where ReLU lets pass. Without a residual x, which these passes read anyway, says so as well as the output.
  private func gate(_ inputs: [Tensor], _ output: Tensor) -> ChannelGate? {
    guard relu else { return nil }
    return inputs.count == 6 ? ChannelGate(output.pointer) : ChannelGate(inputs[0].pointer, line)
  }

  private func combine(
    _ terms: [ChannelTerm], _ constant: [Double], _ gate: ChannelGate?, maskResult: Bool = false,
    rectify: Bool = false, _ out: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    channelCombine(
      dtype.scalar, rows, channels, terms, constant: constant, gate: gate, maskResult: maskResult,
      rectify: rectify, out, accumulate)
  }

  private var zeros: [Double] { [Double](repeating: 0, count: channels) }
  private var ones: [Double] { [Double](repeating: 1, count: channels) }
  private func each(_ f: (Int) -> Double) -> [Double] { (0..<channels).map(f) }

  private func doubles(_ p: UnsafeRawPointer) -> [Double] {
    [Double](unsafeUninitializedCapacity: channels) { buffer, count in
      castElements(dtype, p, .float64, buffer.baseAddress!, channels)
      count = channels
    }
  }

  private func write(_ values: [Double], _ out: UnsafeMutableRawPointer, _ accumulate: Bool) throws {
    write(values, out, accumulate, by: try Storage(byteCount: channels * dtype.byteCount))
  }

  private func write(
    _ values: [Double], _ out: UnsafeMutableRawPointer, _ accumulate: Bool, by own: Storage
  ) {
    values.withUnsafeBytes { castElements(.float64, $0.baseAddress!, dtype, own.pointer, channels) }
    Kernels.scale(dtype.scalar, own.pointer, 1, out, channels, accumulate)
  }
}

/// Brings the running statistics forward; left out when a loss is only probed.
private final class StatisticsOp: Op {
  private let source: BatchNormOp
  private let momentum: Double

  init(_ source: BatchNormOp, _ momentum: Double) {
    (self.source, self.momentum) = (source, momentum)
    super.init(shape: [], dtype: source.dtype)
  }

  override var isDifferentiable: Bool { false }
  override var isEffect: Bool { true }
  override func written(_ inputs: [Tensor]) -> [Storage] { inputs.dropFirst().map(\.storage) }

  override func forward(_ inputs: [Tensor], _ output: Tensor) throws {
    try source.updateStatistics(momentum, inputs[1], inputs[2])
    fill(dtype.scalar, output.pointer, 1, 0)
  }
}

let batchNormOperation = Operation(
  "batch_norm", .fused, inputs: 5...6, arguments: ["eps", "relu", "training", "momentum"],
  examples: [
    .init([[5, 3], [3], [3], [3], [3]]),
    .init([[2, 3, 2, 17], [17], [17], [17], [17]], ["eps": .numbers([0.1])]),
    .init([[4, 2], [2], [2], [2], [2], [4, 2]], ["relu": .numbers([1])], .separated),
  ]
) { inputs, attributes in
  try requireFloating("batch_norm", inputs)
  let x = inputs[0]
  guard x.rank >= 2, let channels = x.shape.last, inputs[1...4].allSatisfy({ $0.shape == [channels] }) else {
    throw Failure.shape(
      "batch_norm: takes x (..., C) and four arrays (C,), got "
        + inputs.prefix(5).map { describe($0.shape) }.joined(separator: ", "))
  }
  guard inputs.count == 5 || inputs[5].shape == x.shape else {
    throw Failure.shape(
      "batch_norm: the residual must have shape \(describe(x.shape)), got \(describe(inputs[5].shape))")
  }
  let training = try attributes.flag("training", default: true)
  guard !training || x.count > 0 else {
    throw Failure.shape("batch_norm: there is nothing to average in shape \(describe(x.shape))")
  }
  let eps = try attributes.number("eps", default: 1e-5)
  guard eps > 0 else { throw Failure.value("batch_norm: eps must be positive, got \(eps)") }
  let momentum = try attributes.number("momentum", default: 0)
  guard (0...1).contains(momentum) else {
    throw Failure.value("batch_norm: momentum must be between 0 and 1, got \(momentum)")
  }
  let op = BatchNormOp(
    x, eps: eps, fixed: !training, relu: try attributes.flag("relu", default: false))
  let y = try op.apply(inputs)
  if training && momentum != 0 { _ = try StatisticsOp(op, momentum).apply([y, inputs[3], inputs[4]]) }
  return y
}
