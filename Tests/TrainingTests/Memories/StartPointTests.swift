import Adaptation
import Autodiff
import Kernels
import TestSupport
import XCTest

@testable import Training

final class StartPointTests: XCTestCase {
  /// The largest distance from the start over the root of the summed squared gradients.
  func testDoGMeasuresTheWayFromTheStart() throws {
    let problem = Quadratic()
    let start = Array(problem.values.joined())
    var (distance, sum) = (0.01 * (1 + dot(start, start).squareRoot()), 0.0)
    let wanted = plain(problem, steps: 12) { g, x, _ in
      let way = zip(x, start).map(-)
      distance = max(distance, dot(way, way).squareRoot())
      sum += dot(g, g)
      return distance / (sum + 1e-8).squareRoot()
    }
    try expectRates("dog", ["initial": 0.01], wanted, problem)
  }
}
