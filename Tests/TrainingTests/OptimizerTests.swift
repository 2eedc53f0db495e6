import Adaptation
import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerTests: XCTestCase {
  func testUnknownNamesAndArguments() {
    expectFailure(.value, ["'lion'"]) { try makeOptimizer("lion") }
    expectFailure(.value, ["'guess'"]) { try makeOptimizer(rate: "guess") }
    expectFailure(.value, ["'bta'"]) { try makeOptimizer("ema", ["bta": 0.9]) }
    expectFailure(.value, ["'alfa'"]) { try makeOptimizer(rate: "l4", ["alfa": 1]) }
    expectFailure(.value, ["alpha", "above 0"]) { try makeOptimizer(rate: "l4", ["alpha": 0]) }
    expectFailure(.value, ["per must be"]) { try makeOptimizer(rate: "tlr", ["per": 4]) }
    expectFailure(.value, ["per must be 'all'"]) { try makeOptimizer(rate: "qlabgrad", ["per": 2]) }
    expectFailure(.value, ["steps_per_epoch"]) { try makeOptimizer(rate: "tlr", ["steps_per_epoch": .nan]) }
    expectFailure(.value, ["steps_per_epoch"]) { try makeOptimizer(rate: "tlr", ["steps_per_epoch": 1e300]) }
  }
}
