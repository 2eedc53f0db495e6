/// Passes over arrays [rows, channels] that batch normalization and its derivatives are made of: sums over rows for each
/// channel, and sums of up to four arrays, each scaled by one number a channel.

/// One array of a pass.
public struct ChannelTerm {
  public let pointer: UnsafeRawPointer
  /// One factor a channel.
  public let factors: [Double]
  /// Counts only where the mask is positive.
  public let masked: Bool

  public init(_ pointer: UnsafeRawPointer, _ factors: [Double], masked: Bool = false) {
    self.pointer = pointer
    self.factors = factors
    self.masked = masked
  }
}

/// Rows whose sums are formed in the arrays' own precision; blocks of them are added in double precision, in order.
private let rowsInBlock = 256

/// For each channel the sums over rows of u and of u (v - shift); u counts only where `mask`, if given, is positive.
@specialized(where T == Float)
@specialized(where T == Double)
public func channelSums<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ u: UnsafeRawPointer, mask: UnsafeRawPointer?,
  _ v: UnsafeRawPointer?, shift: [Double]
) -> (sum: [Double], product: [Double]) {
  let u = u.assumingMemoryBound(to: T.self)
  let v = v?.assumingMemoryBound(to: T.self)
  let mask = mask?.assumingMemoryBound(to: T.self)
  let shift = shift.map { T($0) }
  let blocks = (rows + rowsInBlock - 1) / rowsInBlock
  let partials = Storage(byteCount: max(1, blocks * 2 * channels) * MemoryLayout<T>.stride)
  let partial = partials.pointer.assumingMemoryBound(to: T.self)
  shift.withUnsafeBufferPointer { shift in
    let shift = shift.baseAddress
    ThreadPool.shared.run(blocks) { block in
      let low = block * rowsInBlock
      let high = min(rows, low + rowsInBlock)
      let out = partial + block * 2 * channels
      for c in stride(from: 0, to: channels, by: T.Vector.width) {
        let strip = Strip<T>(c, rows, channels, low, high)
        columnSums(u, mask, v, shift.map { strip.center($0) } ?? T.Vector(0), strip, out)
      }
    }
  }
  var sums = [Double](repeating: 0, count: 2 * channels)
  for block in 0..<blocks {
    for i in 0..<(2 * channels) { sums[i] += Double(partial[block * 2 * channels + i]) }
  }
  return (Array(sums[..<channels]), Array(sums[channels...]))
}

/// out += alpha times the sum over rows of u, for each channel.
@inline(__always)
func addChannelSums<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ u: UnsafePointer<T>, _ alpha: Double,
  _ out: UnsafeMutablePointer<T>
) {
  if rows > rowsInBlock {
    let sums = channelSums(T.self, rows, channels, u, mask: nil, nil, shift: []).sum
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
  func center(_ p: UnsafePointer<T>) -> T.Vector { T.Vector.load(p + first, count: lanes) }

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
  _ u: UnsafePointer<T>, _ mask: UnsafePointer<T>?, _ v: UnsafePointer<T>?, _ shift: T.Vector,
  _ strip: Strip<T>, _ out: UnsafeMutablePointer<T>
) {
  let zero = T.Vector(0)
  var (sum, product) = (zero, zero)
  if let v {
    strip.forEachRow { at, load in
      var value = load(u + at)
      if let mask { value = T.Vector.select(load(mask + at), greaterThan: zero, value, zero) }
      sum = sum + value
      product = value.fused(times: load(v + at) - shift, plus: product)
    }
  } else {
    strip.forEachRow { at, load in
      var value = load(u + at)
      if let mask { value = T.Vector.select(load(mask + at), greaterThan: zero, value, zero) }
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
  let count = Double(max(1, rows))
  let mean = channelSums(
    T.self, rows, channels, x, mask: nil, nil, shift: []
  ).sum.map { $0 / count }
  // sum x (x - m) for m near the mean would cancel: sum (x - m)^2 from a second, cached pass does not.
  let squares = channelSquares(T.self, rows, channels, x, mean)
  return (mean, squares.map { $0 / count })
}

/// sum over rows of (x - shift)^2 for each channel.
@specialized(where T == Float)
@specialized(where T == Double)
func channelSquares<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ x: UnsafeRawPointer, _ shift: [Double]
) -> [Double] {
  let x = x.assumingMemoryBound(to: T.self)
  let shift = shift.map { T($0) }
  let blocks = (rows + rowsInBlock - 1) / rowsInBlock
  let partials = Storage(byteCount: max(1, blocks * channels) * MemoryLayout<T>.stride)
  let partial = partials.pointer.assumingMemoryBound(to: T.self)
  shift.withUnsafeBufferPointer { shift in
    let shift = shift.baseAddress!
    ThreadPool.shared.run(blocks) { block in
      let low = block * rowsInBlock
      let high = min(rows, low + rowsInBlock)
      let out = partial + block * channels
      for c in stride(from: 0, to: channels, by: T.Vector.width) {
        let strip = Strip<T>(c, rows, channels, low, high)
        let center = strip.center(shift)
        var sum = T.Vector(0)
        strip.forEachRow { at, load in
          let distance = load(x + at) - center
          sum = distance.fused(times: distance, plus: sum)
        }
        sum.store(out + c, count: strip.lanes)
      }
    }
  }
  var sums = [Double](repeating: 0, count: channels)
  for block in 0..<blocks {
    for c in 0..<channels { sums[c] += Double(partial[block * channels + c]) }
  }
  return sums
}

/// out (+)= sum of factor term over up to four terms, + constant; where `mask` is not positive, masked terms (all, and
/// the constant, if `maskResult`) count as zero. `rectify`: negative results become zero.
@specialized(where T == Float)
@specialized(where T == Double)
public func channelCombine<T: Scalar>(
  _: T.Type, _ rows: Int, _ channels: Int, _ terms: [ChannelTerm], constant: [Double],
  mask: UnsafeRawPointer?,
  maskResult: Bool, rectify: Bool, _ out: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let out = out.assumingMemoryBound(to: T.self)
  let mask = mask?.assumingMemoryBound(to: T.self)
  let factors = (terms.flatMap(\.factors) + constant).map { T($0) }
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
              let gate = mask.map { T.Vector.load($0 + at) } ?? zero
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
              let open = mask.map { $0[at] > 0 } ?? false
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
