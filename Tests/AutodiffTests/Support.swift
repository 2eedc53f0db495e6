import Kernels
import TestSupport

@testable import Autodiff

extension Numbers {
  mutating func array(_ count: Int, in domain: ExampleDomain) -> [Double] {
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

/// Largest difference relative to the largest entry.
func relativeError(_ a: [Double], _ b: [Double]) -> Double {
  let scale = max(1e-3, (a + b).map(abs).max() ?? 0)
  return (zip(a, b).map { abs($0 - $1) }.max() ?? 0) / scale
}
