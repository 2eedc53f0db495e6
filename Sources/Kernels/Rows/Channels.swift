/// Passes over arrays [rows, channels] that batch normalization and its derivatives are made of: sums over rows for each
/// channel, and sums of up to four arrays, each scaled by one number a channel.

/// Where a pass counts: where factor v + constant, rounded once, is positive. Without factors, where v is.
public struct ChannelGate {
  let pointer: UnsafeRawPointer
  let line: (factors: [Double], constant: [Double])?

  public init(_ pointer: UnsafeRawPointer, _ line: (factors: [Double], constant: [Double])? = nil) {
    (self.pointer, self.line) = (pointer, line)
  }

  /// Factors and then constants.
  fileprivate func numbers<T: Scalar>(_: T.Type, _ channels: Int) -> [T] {
    guard let line else { return Array(repeating: 1, count: channels) + Array(repeating: 0, count: channels) }
    return (line.factors + line.constant).map { T($0) }
  }
}

/// One array of a pass.
public struct ChannelTerm {
  public let pointer: UnsafeRawPointer
  /// One factor a channel.
  public let factors: [Double]
  /// Counts only where the gate is open.
  public let masked: Bool

  public init(_ pointer: UnsafeRawPointer, _ factors: [Double], masked: Bool = false) {
    self.pointer = pointer
    self.factors = factors
    self.masked = masked
  }
}

/// Rows whose sums are formed in the arrays' own precision; blocks of them are added in double precision, in order.
private let rowsInBlock = 256

/// For each channel the sums over rows of u and of u (v - shift); u counts only where the gate, if given, is open.
@specialized(where T == Float)
@specialized(where T == Double)
public func channelSums<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ u: UnsafeRawPointer, gate: ChannelGate?,
  _ v: UnsafeRawPointer?, shift: [Double]
) -> (sum: [Double], product: [Double]) {
  let u = u.assumingMemoryBound(to: T.self)
  let v = v?.assumingMemoryBound(to: T.self)
  let mask = gate?.pointer.assumingMemoryBound(to: T.self)
  let line = gate?.numbers(T.self, channels) ?? []
  let shift = shift.map { T($0) }
  guard let partials = BlockSums<T>(rows, channels) else { return (noSums(channels), noSums(channels)) }
  shift.withUnsafeBufferPointer { shift in
    line.withUnsafeBufferPointer { line in
      let (shift, line) = (shift.baseAddress, line.baseAddress)
      ThreadPool.shared.run(partials.blocks) { block in
        for c in stride(from: 0, to: channels, by: T.Vector.width) {
          let strip = partials.strip(block, c)
          let gate = mask.map { Gate(at: $0, strip.load(line!, c), strip.load(line!, channels &+ c)) }
          columnSums(u, gate, v, shift.map { strip.load($0, c) } ?? T.Vector(0), strip, partials[block])
        }
      }
    }
  }
  let sums = partials.total()
  return (Array(sums[..<channels]), Array(sums[channels...]))
}

/// out += alpha times the sum over rows of u, for each channel.
@inline(__always)
func addChannelSums<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ u: UnsafePointer<T>, _ alpha: Double,
  _ out: UnsafeMutablePointer<T>
) {
  if rows > rowsInBlock {
    let sums = channelSums(T.self, rows, channels, u, gate: nil, nil, shift: []).sum
    for c in 0..<channels { out[c] += T(alpha * sums[c]) }
    return
  }
  // One block needs no room for its sums.
  withUnsafeTemporaryAllocation(of: T.self, capacity: T.Vector.width) { sums in
    for c in stride(from: 0, to: channels, by: T.Vector.width) {
      let strip = Strip<T>(c, rows, channels, 0, rows)
      var sum = T.Vector(0)
      strip.forEachRow { at, load in sum = sum + load(u + at) }
      sum.store(sums.baseAddress!)
      for lane in 0..<strip.lanes { out[c + lane] += T(alpha * Double(sums[lane])) }
    }
  }
}

/// Where there was no memory for them.
private func noSums(_ channels: Int) -> [Double] { [Double](repeating: 0, count: channels) }

/// Two sums for each block of rows and each channel.
private struct BlockSums<T: Scalar> {
  let rows: Int, channels: Int
  let blocks: Int
  private let storage: Storage

  init?(_ rows: Int, _ channels: Int) {
    (self.rows, self.channels) = (rows, channels)
    blocks = (rows + rowsInBlock - 1) / rowsInBlock
    guard let storage = Storage.room(max(1, blocks * 2 * channels) * MemoryLayout<T>.stride) else {
      return nil
    }
    self.storage = storage
  }

  subscript(block: Int) -> UnsafeMutablePointer<T> {
    storage.pointer.assumingMemoryBound(to: T.self) + block &* 2 &* channels
  }

  func count(_ block: Int) -> Int { min(rowsInBlock, rows &- block &* rowsInBlock) }

  @inline(__always)
  func strip(_ block: Int, _ channel: Int) -> Strip<T> {
    let low = block &* rowsInBlock
    return Strip<T>(channel, rows, channels, low, low &+ count(block))
  }

  @inline(__always)
  func total() -> [Double] {
    var sums = [Double](repeating: 0, count: 2 * channels)
    for block in 0..<blocks {
      let part = self[block]
      for i in 0..<(2 * channels) { sums[i] += Double(part[i]) }
    }
    return sums
  }
}

/// A gate for a vector of channels.
private struct Gate<T: Scalar> {
  private let pointer: UnsafePointer<T>
  private let factor: T.Vector, constant: T.Vector

  @inline(__always)
  init(at pointer: UnsafePointer<T>, _ factor: T.Vector, _ constant: T.Vector) {
    (self.pointer, self.factor, self.constant) = (pointer, factor, constant)
  }

  /// The value where the gate is open, zero elsewhere.
  @inline(__always)
  func pass(_ value: T.Vector, _ at: Int, _ load: (UnsafePointer<T>) -> T.Vector) -> T.Vector {
    let zero = T.Vector(0)
    return T.Vector.select(
      load(pointer + at).fused(times: factor, plus: constant), greaterThan: zero, value, zero)
  }
}

/// Up to a vector of neighboring channels over a range of rows.
private struct Strip<T: Scalar> {
  let channels: Int, first: Int, lanes: Int
  private let low: Int, whole: Int, high: Int

  @inline(__always)
  init(_ first: Int, _ rows: Int, _ channels: Int, _ low: Int, _ high: Int) {
    self.channels = channels
    self.first = first
    self.low = low
    self.high = high
    lanes = min(T.Vector.width, channels &- first)
    // A vector may run into the next row, whose lanes are not kept; not beyond the last.
    let room = rows &* channels &- first &- T.Vector.width
    whole = room < 0 ? low : max(low, min(high, room / channels &+ 1))
  }

  @inline(__always)
  func load(_ p: UnsafePointer<T>, _ at: Int) -> T.Vector { T.Vector.load(p + at, count: lanes) }

  @inline(__always)
  func forEachRow(_ body: (_ at: Int, _ load: (UnsafePointer<T>) -> T.Vector) -> Void) {
    var at = low &* channels &+ first
    for _ in low..<whole {
      body(at) { T.Vector.load($0) }
      at &+= channels
    }
    for _ in whole..<high {
      body(at) { T.Vector.load($0, count: lanes) }
      at &+= channels
    }
  }
}

@inline(__always)
private func columnSums<T: Scalar>(
  _ u: UnsafePointer<T>, _ gate: Gate<T>?, _ v: UnsafePointer<T>?, _ shift: T.Vector,
  _ strip: Strip<T>, _ out: UnsafeMutablePointer<T>
) {
  let zero = T.Vector(0)
  var (sum, product) = (zero, zero)
  if let v {
    strip.forEachRow { at, load in
      var value = load(u + at)
      if let gate { value = gate.pass(value, at, load) }
      sum = sum + value
      product = value.fused(times: load(v + at) - shift, plus: product)
    }
  } else {
    strip.forEachRow { at, load in
      var value = load(u + at)
      if let gate { value = gate.pass(value, at, load) }
      sum = sum + value
    }
  }
  sum.store(out + strip.first, count: strip.lanes)
  product.store(out + (strip.channels &+ strip.first), count: strip.lanes)
}

/// For each channel the mean over rows and the mean square of the distance from it.
@specialized(where T == Float)
@specialized(where T == Double)
public func channelMoments<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ x: UnsafeRawPointer
) -> (mean: [Double], variance: [Double]) {
  let x = x.assumingMemoryBound(to: T.self)
  guard let partials = BlockSums<T>(rows, channels) else { return (noSums(channels), noSums(channels)) }
  // sum x^2 - n m^2 would cancel; the squares about a block's mean, which is still in cache, do not.
  ThreadPool.shared.run(partials.blocks) { block in
    let out = partials[block]
    let share = 1 / Double(partials.count(block))
    for c in stride(from: 0, to: channels, by: T.Vector.width) {
      let strip = partials.strip(block, c)
      var (sum, squares) = (T.Vector(0), T.Vector(0))
      strip.forEachRow { at, load in sum = sum + load(x + at) }
      let center = sum * T.Vector(share)
      strip.forEachRow { at, load in
        let distance = load(x + at) - center
        squares = distance.fused(times: distance, plus: squares)
      }
      sum.store(out + c, count: strip.lanes)
      squares.store(out + (channels &+ c), count: strip.lanes)
    }
  }
  let sums = partials.total()
  let count = Double(max(1, rows))
  let mean = sums[..<channels].map { $0 / count }
  var variance = sums[channels...].map { $0 / count }
  for block in 0..<partials.blocks {
    let (part, own) = (partials[block], Double(partials.count(block)))
    for c in 0..<channels {
      let distance = Double(part[c]) / own - mean[c]
      variance[c] += own / count * distance * distance
    }
  }
  return (mean, variance)
}

/// out (+)= sum of factor term over up to four terms, + constant; where the gate is shut, masked terms (all, and
/// the constant, if `maskResult`) count as zero. `rectify`: negative results become zero.
@specialized(where T == Float)
@specialized(where T == Double)
public func channelCombine<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ terms: [ChannelTerm], constant: [Double],
  gate: ChannelGate?, maskResult: Bool, rectify: Bool, _ out: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let out = out.assumingMemoryBound(to: T.self)
  let mask = gate?.pointer.assumingMemoryBound(to: T.self)
  let factors =
    (terms.flatMap(\.factors) + constant).map { T($0) } + (gate?.numbers(T.self, channels) ?? [])
  let inputs = terms.map { $0.pointer.assumingMemoryBound(to: T.self) }
  let masked = terms.map(\.masked)
  let count = terms.count
  factors.withUnsafeBufferPointer { factors in
    inputs.withUnsafeBufferPointer { inputs in
      masked.withUnsafeBufferPointer { masked in
        parallelRanges(rows, length: max(1, blockLength / max(1, channels))) { low, high in
          for row in low..<high {
            let base = row &* channels
            var c = 0
            while c &+ T.Vector.width <= channels {
              let at = base &+ c
              let zero = T.Vector(0)
              var total = T.Vector.load(factors.baseAddress! + (count &* channels &+ c))
              let gate =
                mask.map {
                  let line = factors.baseAddress! + ((count &+ 1) &* channels &+ c)
                  return T.Vector.load($0 + at).fused(
                    times: T.Vector.load(line), plus: T.Vector.load(line + channels))
                } ?? zero
              for i in 0..<count {
                var value = T.Vector.load(inputs[i] + at)
                if masked[i] { value = T.Vector.select(gate, greaterThan: zero, value, zero) }
                total = value.fused(
                  times: T.Vector.load(factors.baseAddress! + (i &* channels &+ c)), plus: total)
              }
              if maskResult { total = T.Vector.select(gate, greaterThan: zero, total, zero) }
              // NaN passes, as in relu.
              if rectify { total = T.Vector.select(zero, greaterThan: total, zero, total) }
              (accumulate ? T.Vector.load(UnsafePointer(out + at)) + total : total).store(out + at)
              c &+= T.Vector.width
            }
            while c < channels {
              let at = base &+ c
              let line = (count &+ 1) &* channels &+ c
              let open =
                mask.map { factors[line &+ channels].addingProduct($0[at], factors[line]) > 0 } ?? false
              var total = factors[count &* channels &+ c]
              for i in 0..<count where !masked[i] || open {
                total.addProduct(inputs[i][at], factors[i &* channels &+ c])
              }
              if maskResult && !open { total = 0 }
              if rectify && total < 0 { total = 0 }
              out[at] = accumulate ? out[at] + total : total
              c &+= 1
            }
          }
        }
      }
    }
  }
}
