import CVector

/// Softmax cross-entropy over many classes, summed over rows, and its derivatives. The probabilities p are nowhere in
/// memory: what is kept of a row is its largest logit and the sum of exponentials, and each pass computes p anew from the
/// logits. With e the one-hot label: the gradient is p - e, and the Hessian times dx is p (dx - <p, dx>).
///
/// Rows are shared out in blocks that depend on the shape alone, so results have the same bits for any number of threads.
public struct WideCrossEntropy: Sendable {
  private let rows: Int
  private let classes: Int
  /// For each row: the largest logit, then 1 over the sum of exponentials of the differences to it.
  private let kept: Storage

  /// Whether there are so many classes that vectors along a row are mostly full.
  public static func takes(_ classes: Int) -> Bool { classes >= fewClasses }

  public init(rows: Int, classes: Int) throws {
    (self.rows, self.classes) = (rows, classes)
    kept = try Storage(byteCount: 16 * rows)
  }

  private var numbers: UnsafeMutablePointer<Double> {
    kept.pointer.assumingMemoryBound(to: Double.self)
  }
  private var length: Int { max(1, blockLength / classes) }

  /// The sum over rows of the negative log-probability of the label.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func loss<T: Scalar>(_: T.Type, _ logits: UnsafeRawPointer, _ labels: UnsafePointer<Int32>) -> Double
  {
    let logits = logits.assumingMemoryBound(to: T.self)
    return sum { row in
      let x = logits + row &* classes
      let (top, total) = exponentials(T.self, x)
      numbers[2 &* row] = top
      numbers[2 &* row &+ 1] = 1 / total
      return cv_log(total) - (Double(x[Int(labels[row])]) - top)
    }
  }

  /// out (+)= alpha (p - e)
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func gradient<T: Scalar>(
    _: T.Type, _ logits: UnsafeRawPointer, _ labels: UnsafePointer<Int32>, _ alpha: Double,
    _ out: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    let logits = logits.assumingMemoryBound(to: T.self)
    let out = out.assumingMemoryBound(to: T.self)
    parallelRanges(rows, length: length) { low, high in
      for row in low..<high {
        let (x, out) = (logits + row &* classes, out + row &* classes)
        let shift = T.Vector(numbers[2 &* row])
        let factor = T.Vector(alpha * numbers[2 &* row &+ 1])
        var c = 0
        while c < classes {
          let n = min(T.Vector.width, classes &- c)
          var made = T.Vector.exp(T.Vector.load(x + c, count: n) - shift) * factor
          if accumulate { made = made + T.Vector.load(UnsafePointer(out + c), count: n) }
          if n == T.Vector.width { made.store(out + c) } else { made.store(out + c, count: n) }
          c &+= n
        }
        out[Int(labels[row])] -= T(alpha)
      }
    }
  }

  /// The sum over rows of <p - e, dx>: the tangent of the loss.
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func tangent<T: Scalar>(
    _: T.Type, _ logits: UnsafeRawPointer, _ labels: UnsafePointer<Int32>, _ dx: UnsafeRawPointer
  ) -> Double {
    let (logits, dx) = (logits.assumingMemoryBound(to: T.self), dx.assumingMemoryBound(to: T.self))
    return sum { row in
      let at = row &* classes
      return mean(T.self, row, logits + at, dx + at) - Double(dx[at &+ Int(labels[row])])
    }
  }

  /// out += alpha p (dx - <p, dx>)
  @specialized(where T == Float)
  @specialized(where T == Double)
  public func curvature<T: Scalar>(
    _: T.Type, _ logits: UnsafeRawPointer, _ dx: UnsafeRawPointer, _ alpha: Double,
    _ out: UnsafeMutableRawPointer
  ) {
    let (logits, dx) = (logits.assumingMemoryBound(to: T.self), dx.assumingMemoryBound(to: T.self))
    let out = out.assumingMemoryBound(to: T.self)
    parallelRanges(rows, length: length) { low, high in
      for row in low..<high {
        let at = row &* classes
        let (x, dx, out) = (logits + at, dx + at, out + at)
        let center = T.Vector(mean(T.self, row, x, dx))
        let shift = T.Vector(numbers[2 &* row])
        let factor = T.Vector(alpha * numbers[2 &* row &+ 1])
        var c = 0
        while c < classes {
          let n = min(T.Vector.width, classes &- c)
          let p = T.Vector.exp(T.Vector.load(x + c, count: n) - shift) * factor
          let made = p.fused(
            times: T.Vector.load(dx + c, count: n) - center,
            plus: T.Vector.load(UnsafePointer(out + c), count: n))
          if n == T.Vector.width { made.store(out + c) } else { made.store(out + c, count: n) }
          c &+= n
        }
      }
    }
  }

  private func sum(_ part: (Int) -> Double) -> Double {
    let blocks = (rows + length - 1) / length
    return withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks) { partial in
      let partials = partial.baseAddress!
      parallelRanges(rows, length: length) { low, high in
        // All rows in one range, or a block in each.
        var first = low
        while first < high {
          let last = min(high, (first / length &+ 1) &* length)
          var total = 0.0
          for row in first..<last { total += part(row) }
          partials[first / length] = total
          first = last
        }
      }
      var total = 0.0
      for block in 0..<blocks { total += partials[block] }
      return total
    }
  }

  /// The largest of a row, and the sum of exponentials of the differences to it.
  @inline(__always)
  private func exponentials<T: Scalar>(_: T.Type, _ x: UnsafePointer<T>) -> (top: Double, total: Double) {
    let width = T.Vector.width
    // The last vector overlaps the one before.
    var tops = T.Vector.load(x + (classes &- width))
    var c = 0
    while c &+ width <= classes {
      tops = T.Vector.maximum(T.Vector.load(x + c), tops)
      c &+= width
    }
    let top = withUnsafeTemporaryAllocation(of: T.self, capacity: width) { lanes in
      tops.store(lanes.baseAddress!)
      var top = lanes[0]
      for lane in 1..<width where lanes[lane] > top { top = lanes[lane] }
      return Double(top)
    }
    let shift = T.Vector(top)
    var total = 0.0
    c = 0
    while c < classes {
      // As many as may be added in their own precision.
      let end = min(classes, c &+ 64 * width)
      var sum = T.Vector(0)
      while c < end {
        let n = min(width, end &- c)
        sum = sum + T.Vector.exp(T.Vector.load(x + c, count: n) - shift).first(n)
        c &+= n
      }
      total += sum.sum()
    }
    return (top, total)
  }

  /// <p, v> of a row
  @inline(__always)
  private func mean<T: Scalar>(_: T.Type, _ row: Int, _ x: UnsafePointer<T>, _ v: UnsafePointer<T>) -> Double
  {
    let width = T.Vector.width
    let shift = T.Vector(numbers[2 &* row])
    var total = 0.0
    var c = 0
    while c < classes {
      let end = min(classes, c &+ 64 * width)
      var sum = T.Vector(0)
      while c < end {
        let n = min(width, end &- c)
        // Lanes behind the end may be infinite.
        let e = T.Vector.exp(T.Vector.load(x + c, count: n) - shift).first(n)
        sum = e.fused(times: T.Vector.load(v + c, count: n), plus: sum)
        c &+= n
      }
      total += sum.sum()
    }
    return total * numbers[2 &* row &+ 1]
  }
}
