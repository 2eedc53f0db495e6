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
  let width = T.Vector.width
  var total = 0.0
  for row in 0..<rows {
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

/// out (+)= alpha (p - onehot(label)) v_row, with v_row = 1 where v is nil.
@specialized(where T == Float)
@specialized(where T == Double)
public func crossEntropyGradient<T: Scalar>(
  _: T.Type, _ probabilities: UnsafeRawPointer, _ labels: UnsafePointer<Int32>, _ alpha: Double,
  _ out: UnsafeMutableRawPointer, _ rows: Int, _ classes: Int, _ accumulate: Bool
) {
  scale(T.self, probabilities, alpha, out, rows * classes, accumulate)
  let out = out.assumingMemoryBound(to: T.self)
  for row in 0..<rows { out[row * classes + Int(labels[row])] -= T(alpha) }
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
