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
      var c = 0
      while c &+ T.Vector.width <= channels {
        columnSums(
          u, mask, v, shift.map { T.Vector.load($0 + c) } ?? T.Vector(0), low, high, channels, c, out)
        c &+= T.Vector.width
      }
      while c < channels {
        var (sum, product) = (T(0), T(0))
        for row in low..<high {
          let at = row &* channels &+ c
          let value = mask.map { $0[at] > 0 } ?? true ? u[at] : 0
          sum += value
          if let v { product += value * (v[at] - shift![c]) }
        }
        out[c] = sum
        out[channels &+ c] = product
        c &+= 1
      }
    }
  }
  var sums = [Double](repeating: 0, count: 2 * channels)
  for block in 0..<blocks {
    for i in 0..<(2 * channels) { sums[i] += Double(partial[block * 2 * channels + i]) }
  }
  return (Array(sums[..<channels]), Array(sums[channels...]))
}

@inline(__always)
private func columnSums<T: Scalar>(
  _ u: UnsafePointer<T>, _ mask: UnsafePointer<T>?, _ v: UnsafePointer<T>?, _ shift: T.Vector, _ low: Int,
  _ high: Int, _ channels: Int, _ c: Int, _ out: UnsafeMutablePointer<T>
) {
  let zero = T.Vector(0)
  var (sum, product) = (zero, zero)
  var at = low &* channels &+ c
  if let v {
    for _ in low..<high {
      var value = T.Vector.load(u + at)
      if let mask { value = T.Vector.select(T.Vector.load(mask + at), greaterThan: zero, value, zero) }
      sum = sum + value
      product = value.fused(times: T.Vector.load(v + at) - shift, plus: product)
      at &+= channels
    }
  } else {
    for _ in low..<high {
      var value = T.Vector.load(u + at)
      if let mask { value = T.Vector.select(T.Vector.load(mask + at), greaterThan: zero, value, zero) }
      sum = sum + value
      at &+= channels
    }
  }
  sum.store(out + c)
  product.store(out + (channels &+ c))
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
      var c = 0
      while c &+ T.Vector.width <= channels {
        let center = T.Vector.load(shift + c)
        var sum = T.Vector(0)
        var at = low &* channels &+ c
        for _ in low..<high {
          let distance = T.Vector.load(x + at) - center
          sum = distance.fused(times: distance, plus: sum)
          at &+= channels
        }
        sum.store(out + c)
        c &+= T.Vector.width
      }
      while c < channels {
        var sum = T(0)
        for row in low..<high {
          let distance = x[row &* channels &+ c] - shift[c]
          sum += distance * distance
        }
        out[c] = sum
        c &+= 1
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
