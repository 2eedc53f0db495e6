import CVector

/// Which elements a dropout keeps, 32 of them in a word.
public func drawBits(_ draw: UnsafePointer<cv_draw>) {
  let d = draw.pointee
  for i in 0..<Int(d.count) {
    d.bits![i] = cv_philox_bits(
      UInt64(truncatingIfNeeded: 8 &* (Int(d.first) &+ i)), d.stream, d.k0, d.k1, d.threshold)
  }
}
