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
    for i in 0..<n { dst[i] = saturated(Double(src[i]), -9.223372036854775e18, 9.223372036854774e18) }
  case .uint8:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = UInt8(saturated(Double(src[i]), 0, 255)) }
  case .bool:
    let dst = dst.assumingMemoryBound(to: UInt8.self)
    for i in 0..<n { dst[i] = src[i] != 0 ? 1 : 0 }
  }
}

@inline(__always)
private func saturated(_ x: Double, _ low: Double, _ high: Double) -> Int64 {
  x.isNaN ? 0 : Int64(min(max(x, low), high))
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

/// out[i] = 1 where a[i] relates to b[i] as `relation` says (NaN relates to nothing, and differs from everything).
public func compareElements(
  _ relation: String, _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>,
  _ out: UnsafeMutablePointer<UInt8>,
  _ n: Int
) {
  switch relation {
  case "eq": for i in 0..<n { out[i] = a[i] == b[i] ? 1 : 0 }
  case "ne": for i in 0..<n { out[i] = a[i] != b[i] ? 1 : 0 }
  case "lt": for i in 0..<n { out[i] = a[i] < b[i] ? 1 : 0 }
  case "le": for i in 0..<n { out[i] = a[i] <= b[i] ? 1 : 0 }
  case "gt": for i in 0..<n { out[i] = a[i] > b[i] ? 1 : 0 }
  default: for i in 0..<n { out[i] = a[i] >= b[i] ? 1 : 0 }
  }
}
