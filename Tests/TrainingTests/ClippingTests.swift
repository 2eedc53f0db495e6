import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class ClippingTests: XCTestCase {
  func testClippingByNormAndByValue() throws {
    for (arguments, direct) in [
      (["clip_norm": 2.0], { (g: [Double]) in g.map { $0 * min(1, 2 / (dot(g, g).squareRoot() + 1e-6)) } }),
      (["clip_value": 1.5], { (g: [Double]) in g.map { max(min($0, 1.5), -1.5) } }),
      (["clip_norm": 1e6, "clip_value": 1e6], { $0 }),
    ] {
      for rate in ["constant", "l4"] {
        let problem = Quadratic()
        let optimizer = try makeOptimizer(for: problem, "sgd", arguments, rate: rate)
        let (x, g) = (Array(problem.values.joined()), direct(Array(problem.gradients.joined())))
        let taken = try problem.step(optimizer).rate
        for (got, wanted) in zip(problem.values.joined(), zip(x, g).map { $0 - taken * $1 }) {
          XCTAssertEqual(got, wanted, accuracy: 1e-13, "\(arguments) \(rate)")
        }
      }
    }
    for name in ["clip_norm", "clip_value"] {
      for value in [0, -1, Double.nan] {
        expectFailure(.value, [name]) { try makeOptimizer("sgd", [name: value]) }
      }
    }
  }
}
