import Kernels
import Vocabulary
import XCTest

@testable import Autodiff

/// A small generator of its own, so that every run tests the same numbers.
struct Numbers {
  private var state: UInt64

  init(seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 | 1 }

  /// Uniform in [-1, 1).
  mutating func next() -> Double {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Double(state >> 11) / Double(1 << 52) - 1
  }

  mutating func array(_ count: Int, _ domain: Autodiff.Operation.Example.Domain = .any) -> [Double] {
    switch domain {
    case .any: return (0..<count).map { _ in 1.5 * next() }
    case .positive: return (0..<count).map { _ in 1.25 + 0.75 * next() }
    case .separated:
      var values: [Double] = (0..<count).map { i in
        let size = 0.3 + 0.07 * Double(i)
        return i % 2 == 0 ? size : -size
      }
      for i in values.indices.reversed() { values.swapAt(i, Int(Double(i) * abs(next()))) }
      return values
    }
  }
}

extension Tensor {
  convenience init(
    _ shape: [Int], _ values: [Double], _ dtype: DType = .float64, requiresGrad: Bool = false
  ) {
    self.init(shape: shape, dtype: dtype, requiresGrad: requiresGrad)
    precondition(values.count == count)
    for (i, v) in values.enumerated() {
      if dtype == .float64 {
        pointer.storeBytes(of: v, toByteOffset: 8 * i, as: Double.self)
      } else {
        pointer.storeBytes(of: Float(v), toByteOffset: 4 * i, as: Float.self)
      }
    }
  }

  var values: [Double] {
    (0..<count).map { i in
      dtype == .float64
        ? pointer.load(fromByteOffset: 8 * i, as: Double.self)
        : Double(pointer.load(fromByteOffset: 4 * i, as: Float.self))
    }
  }
}

func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

/// Largest difference relative to the largest entry.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  let scale = max(1e-3, (a + b).map(abs).max() ?? 0)
  return (zip(a, b).map { abs($0 - $1) }.max() ?? 0) / scale
}
