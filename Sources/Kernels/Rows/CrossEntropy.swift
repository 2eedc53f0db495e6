import CVector

/// Softmax probabilities of each row, and the sum over rows of the negative log-probability of its label.
@specialized(where T == Float)
@specialized(where T == Double)
public func softmaxCrossEntropy<T: Scalar>(
  _: T.Type, _ logits: UnsafeRawPointer, _ labels: UnsafePointer<Int32>,
  _ probabilities: UnsafeMutableRawPointer,
  _ rows: Int, _ classes: Int
) -> Double {
  let logits = logits.assumingMemoryBound(to: T.self)
  let probabilities = probabilities.assumingMemoryBound(to: T.self)
  let length = max(1, blockLength / max(1, classes) / T.Vector.width) * T.Vector.width
  let blocks = (rows + length - 1) / length
  if blocks <= 1 || classes >= fewClasses {
    return crossEntropyRows(T.self, logits, labels, probabilities, rows, classes)
  }
  return withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks) { partial in
    let partials = partial.baseAddress!
    ThreadPool.shared.run(blocks) { block in
      let first = block * length
      partials[block] = crossEntropyRows(
        T.self, logits + first * classes, labels + first, probabilities + first * classes,
        min(length, rows - first), classes)
    }
    var total = 0.0
    for block in 0..<blocks { total += partials[block] }
    return total
  }
}

@inline(__always)
private func crossEntropyRows<T: Scalar>(
  _: T.Type, _ logits: UnsafePointer<T>, _ labels: UnsafePointer<Int32>,
  _ probabilities: UnsafeMutablePointer<T>, _ rows: Int, _ classes: Int
) -> Double {
  let width = T.Vector.width
  var total = 0.0
  var first = 0
  if classes < fewClasses {
    withUnsafeTemporaryAllocation(of: T.self, capacity: (classes + 1) * width) { tile in
      while first &+ width <= rows {
        let at = first &* classes
        total += crossEntropyTile(
          T.self, logits + at, labels + first, probabilities + at, classes, tile.baseAddress!)
        first &+= width
      }
    }
  }
  for row in first..<rows {
    let x = logits + row * classes
    let p = probabilities + row * classes
    var largest = x[0]
    for c in 1..<max(1, classes) where x[c] > largest || x[c].isNaN { largest = x[c] }
    let shift = T.Vector(Double(largest))
    var sum = 0.0
    var c = 0
    while c < classes {
      let n = min(width, classes &- c)
      T.Vector.exp(T.Vector.load(x + c, count: n) - shift).store(p + c, count: n)
      for lane in c..<(c &+ n) { sum += Double(p[lane]) }
      c &+= n
    }
    total += cv_log(sum) - (Double(x[Int(labels[row])]) - Double(largest))
    scale(T.self, p, 1 / sum, p, classes, false)
  }
  return total
}

/// Classes below which vectors along a row would be mostly empty or partial, so that they go across rows.
let fewClasses = 64

/// As many rows as a vector has lanes, a row in each lane. The tile holds them transposed, then the largest of each.
@inline(__always)
private func crossEntropyTile<T: Scalar>(
  _: T.Type, _ x: UnsafePointer<T>, _ labels: UnsafePointer<Int32>, _ p: UnsafeMutablePointer<T>,
  _ classes: Int, _ tile: UnsafeMutablePointer<T>
) -> Double {
  let width = T.Vector.width
  for lane in 0..<width {
    for c in 0..<classes { tile[c &* width &+ lane] = x[lane &* classes &+ c] }
  }
  var largest = T.Vector.load(tile)
  for c in 1..<max(1, classes) { largest = T.Vector.maximum(T.Vector.load(tile + (c &* width)), largest) }
  let tops = tile + (classes &* width)
  largest.store(tops)
  for c in 0..<classes {
    let at = tile + (c &* width)
    T.Vector.exp(T.Vector.load(at) - largest).store(at)
  }
  var total = 0.0
  var half = 0
  while half < width {
    var sum = SIMD8<Double>(repeating: 0)
    for c in 0..<classes { sum += T.widen(tile + (c &* width &+ half)) }
    let logarithm = SIMD8<Double>.log(sum)
    let inverse = SIMD8<Double>(repeating: 1) / sum
    for lane in 0..<8 {
      let row = half &+ lane
      let factor = T(inverse[lane])
      for c in 0..<classes { p[row &* classes &+ c] = tile[c &* width &+ row] * factor }
      total += logarithm[lane] - (Double(x[row &* classes &+ Int(labels[row])]) - Double(tops[row]))
    }
    half &+= 8
  }
  return total
}

/// out (+)= alpha (p - onehot(label)) v_row, with v_row = 1 where v is nil.
@specialized(where T == Float)
@specialized(where T == Double)
public func crossEntropyGradient<T: Scalar>(
  _: T.Type, _ probabilities: UnsafeRawPointer, _ labels: UnsafePointer<Int32>, _ alpha: Double,
  _ out: UnsafeMutableRawPointer, _ rows: Int, _ classes: Int, _ accumulate: Bool
) {
  let probabilities = probabilities.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  // The labels' places are visited while their rows are still in the cache.
  let near = max(1, 4096 / max(1, classes))
  parallelRanges(rows, length: max(1, blockLength / max(1, classes))) { low, high in
    var first = low
    while first < high {
      let last = min(high, first &+ near)
      let at = first &* classes
      scale(T.self, probabilities + at, alpha, out + at, (last &- first) &* classes, accumulate)
      for row in first..<last { out[row &* classes &+ Int(labels[row])] -= T(alpha) }
      first = last
    }
  }
}

/// sum over rows of (p - onehot) . dx: the tangent of the summed loss.
@specialized(where T == Float)
@specialized(where T == Double)
public func crossEntropyTangent<T: Scalar>(
  _: T.Type, _ probabilities: UnsafeRawPointer, _ labels: UnsafePointer<Int32>, _ dx: UnsafeRawPointer,
  _ rows: Int,
  _ classes: Int
) -> Double {
  var total = innerProduct(T.self, probabilities, dx, rows * classes)
  let dx = dx.assumingMemoryBound(to: T.self)
  for row in 0..<rows { total -= Double(dx[row * classes + Int(labels[row])]) }
  return total
}

/// out += alpha p (dx - p . dx): the Hessian of the summed loss times dx.
@specialized(where T == Float)
@specialized(where T == Double)
public func crossEntropyCurvature<T: Scalar>(
  _: T.Type, _ probabilities: UnsafeRawPointer, _ dx: UnsafeRawPointer, _ alpha: Double,
  _ out: UnsafeMutableRawPointer,
  _ rows: Int, _ classes: Int
) {
  let p = probabilities.assumingMemoryBound(to: T.self)
  let dx = dx.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  for row in 0..<rows {
    let at = row * classes
    let mean = T(innerProductRange(p + at, dx + at, 0, classes))
    for c in at..<(at + classes) { out[c] += T(alpha) * p[c] * (dx[c] - mean) }
  }
}
