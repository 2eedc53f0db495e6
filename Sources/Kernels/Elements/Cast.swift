import Vocabulary

/// Converts n elements between any two types: numbers to bool by "is not zero", floats to integers towards zero with
/// saturation (NaN becomes 0).
public func castElements(
  _ from: DType, _ src: UnsafeRawPointer, _ to: DType, _ dst: UnsafeMutableRawPointer, _ n: Int
) {
  switch from {
  case .float32: castFrom(src.assumingMemoryBound(to: Float.self), to, dst, n)
  case .float64: castFrom(src.assumingMemoryBound(to: Double.self), to, dst, n)
  case .int64: castFromInteger(src.assumingMemoryBound(to: Int64.self), to, dst, n)
  case .uint8, .bool: castFromInteger(src.assumingMemoryBound(to: UInt8.self), to, dst, n)
  }
}

@inline(__always)
private func castFrom<A: BinaryFloatingPoint>(
  _ src: UnsafePointer<A>, _ to: DType, _ dst: UnsafeMutableRawPointer, _ n: Int
) {
  switch to {
  case .float32:
    let dst = dst.assumingMemoryBound(to: Float.self)
    for i in 0..<n { dst[i] = Float(src[i]) }
  case .float64:
    let dst = dst.assumingMemoryBound(to: Double.self)
    for i in 0..<n { dst[i] = Double(src[i]) }
  case .int64:
    let dst = dst.assumingMemoryBound(to: Int64.self)
    for i in 0..<n { dst[i] = saturated(Double(src[i])) }
  case .uint8:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = UInt8(min(255, max(0, saturated(Double(src[i]))))) }
  case .bool:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = src[i] != 0 ? 1 : 0 }
  }
}

@inline(__always)
private func saturated(_ x: Double) -> Int64 {
  if x.isNaN { return 0 }
  return Int64(exactly: x.rounded(.towardZero)) ?? (x < 0 ? .min : .max)
}

@inline(__always)
private func castFromInteger<A: BinaryInteger>(
  _ src: UnsafePointer<A>, _ to: DType, _ dst: UnsafeMutableRawPointer, _ n: Int
) {
  switch to {
  case .float32:
    let dst = dst.assumingMemoryBound(to: Float.self)
    for i in 0..<n { dst[i] = Float(src[i]) }
  case .float64:
    let dst = dst.assumingMemoryBound(to: Double.self)
    for i in 0..<n { dst[i] = Double(src[i]) }
  case .int64:
    let dst = dst.assumingMemoryBound(to: Int64.self)
    for i in 0..<n { dst[i] = Int64(src[i]) }
  case .uint8:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = UInt8(truncatingIfNeeded: src[i]) }
  case .bool:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = src[i] != 0 ? 1 : 0 }
  }
}

/// out[i] = 1 where a[pa[i]] relates to b[pb[i]] as `relation` says (NaN relates to nothing, and differs from all).
/// a and b hold float64 or int64.
public func compareElements(
  _ relation: String, _ dtype: DType, _ a: UnsafeRawPointer, _ pa: [Int], _ b: UnsafeRawPointer, _ pb: [Int],
  _ out: UnsafeMutablePointer<UInt8>
) {
  if dtype == .int64 {
    compare(
      relation, a.assumingMemoryBound(to: Int64.self), pa, b.assumingMemoryBound(to: Int64.self), pb, out)
  } else {
    compare(
      relation, a.assumingMemoryBound(to: Double.self), pa, b.assumingMemoryBound(to: Double.self), pb, out)
  }
}

@inline(__always)
private func compare<T: Comparable>(
  _ relation: String, _ a: UnsafePointer<T>, _ pa: [Int], _ b: UnsafePointer<T>, _ pb: [Int],
  _ out: UnsafeMutablePointer<UInt8>
) {
  switch relation {
  case "eq": for i in pa.indices { out[i] = a[pa[i]] == b[pb[i]] ? 1 : 0 }
  case "ne": for i in pa.indices { out[i] = a[pa[i]] != b[pb[i]] ? 1 : 0 }
  case "lt": for i in pa.indices { out[i] = a[pa[i]] < b[pb[i]] ? 1 : 0 }
  case "le": for i in pa.indices { out[i] = a[pa[i]] <= b[pb[i]] ? 1 : 0 }
  case "gt": for i in pa.indices { out[i] = a[pa[i]] > b[pb[i]] ? 1 : 0 }
  default: for i in pa.indices { out[i] = a[pa[i]] >= b[pb[i]] ? 1 : 0 }
  }
}
