import CVector

/// x Phi(x) and its slope, with the operations of `LaneMath` in their order: the same bits for all vector widths.
/// `count` is a whole number of vectors.
public func geluValues(_ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, _ count: Int) {
  var i = 0
  while i < count {
    let v = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD16<Float>.self)
    UnsafeMutableRawPointer(y + i).storeBytes(of: v * distribution(v), as: SIMD16<Float>.self)
    i &+= 16
  }
}

/// out (+)= v times the slope at x
public func geluSlopes(
  _ x: UnsafePointer<Float>, _ v: UnsafePointer<Float>, _ out: UnsafeMutablePointer<Float>, _ count: Int,
  _ accumulate: Bool
) {
  var i = 0
  while i < count {
    let at = UnsafeRawPointer(x + i).loadUnaligned(as: SIMD16<Float>.self)
    let slope = distribution(at) + at * density(at)
    let made = slope * UnsafeRawPointer(v + i).loadUnaligned(as: SIMD16<Float>.self)
    let place = UnsafeMutableRawPointer(out + i)
    place.storeBytes(
      of: accumulate ? place.loadUnaligned(as: SIMD16<Float>.self) + made : made, as: SIMD16<Float>.self)
    i &+= 16
  }
}

@inline(__always)
private func all(_ value: Double) -> SIMD16<Float> { SIMD16(repeating: Float(value)) }

@inline(__always)
private func distribution(_ x: SIMD16<Float>) -> SIMD16<Float> {
  all(0.5) * (all(1) + errorFunction(x * all(0.7071067811865476)))
}

@inline(__always)
private func density(_ x: SIMD16<Float>) -> SIMD16<Float> {
  all(0.3989422804014327) * exponential(all(-0.5) * x * x)
}

@inline(__always)
private func polynomial(_ x: SIMD16<Float>, _ sum: SIMD16<Float>, _ next: Double) -> SIMD16<Float> {
  cv_fma_f32(sum, x, all(next))
}

@inline(__always)
private func exponential(_ x: SIMD16<Float>) -> SIMD16<Float> {
  let shift = all(12_582_912)
  let shifted = cv_fma_f32(x, all(1.4426950408889634), shift)
  let n = shifted - shift
  var r = cv_fma_f32(n, all(-0.693359375), x)
  r = cv_fma_f32(n, all(2.12194440e-4), r)
  var q = all(1.0 / 5040)
  q = polynomial(r, q, 1.0 / 720)
  q = polynomial(r, q, 1.0 / 120)
  q = polynomial(r, q, 1.0 / 24)
  q = polynomial(r, q, 1.0 / 6)
  q = polynomial(r, q, 0.5)
  let p = cv_fma_f32(q, r * r, r)
  let low = all(-87.336544)
  let lift = cv_select_greater_f32(low, x, all(64), all(0))
  let inside =
    cv_scale_f32(all(1) + p, shifted + lift) * cv_select_greater_f32(low, x, all(0x1p-64), all(1))
  let above = cv_select_greater_f32(all(88.72283935546875), x, inside, x + all(Double.infinity))
  return cv_select_greater_f32(all(-103.97208), x, all(0), above)
}

@inline(__always)
private func errorFunction(_ x: SIMD16<Float>) -> SIMD16<Float> {
  let s = x * x
  var p = all(-5.881639452e-4)
  p = polynomial(s, p, 4.971958639e-3)
  p = polynomial(s, p, -2.675242024e-2)
  p = polynomial(s, p, 1.128143708e-1)
  p = polynomial(s, p, -3.761245936e-1)
  p = polynomial(s, p, 1.283791448e-1)
  let size = cv_abs_f32(x)
  let a = cv_select_greater_f32(size, all(4), all(4), size)
  var q = all(1.615045025e-6)
  q = polynomial(a, q, -4.561102107e-5)
  q = polynomial(a, q, 5.929505306e-4)
  q = polynomial(a, q, -4.741117933e-3)
  q = polynomial(a, q, 2.636741533e-2)
  q = polynomial(a, q, -1.099833023e-1)
  q = polynomial(a, q, -6.319313445e-1)
  q = polynomial(a, q, -1.130170294)
  q = polynomial(a, q, 3.041767594e-4)
  let far = all(1) - exponential(q)
  let signed = cv_select_greater_f32(all(0), x, all(0) - far, far)
  return cv_select_greater_f32(a, all(0.95), signed, cv_fma_f32(p, x, x))
}
