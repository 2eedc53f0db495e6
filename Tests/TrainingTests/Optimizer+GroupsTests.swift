import Adaptation
import Autodiff
import Kernels
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerGroupsTests: XCTestCase {
  func testConstantRatesByGroup() throws {
    let problem = Quadratic()
    let optimizer = try makeOptimizer("sgd", ["momentum": 0.9])
    try optimizer.addGroup([problem.tensors[0]], names: ["a"], Attributes("group"))
    try optimizer.addGroup(
      [problem.tensors[1]], names: ["b"], Attributes("group", numbers: ["lr": 0.02, "momentum": 0]))
    var x = problem.values
    var v = x.map { $0.map { _ in 0.0 } }
    for _ in 0..<10 {
      let g = zip(problem.curvatures, x).map { zip($0, $1).map(*) }
      v = [zip(v[0], g[0]).map { 0.9 * $0 + $1 }, g[1]]
      x = [zip(x[0], v[0]).map { $0 - 0.05 * $1 }, zip(x[1], v[1]).map { $0 - 0.02 * $1 }]
      let request = try problem.step(optimizer)
      XCTAssertEqual([request.low, request.high], [0.02, 0.05])
      XCTAssertEqual(request.rate, 0.035, accuracy: 1e-15)
    }
    for (got, wanted) in zip(problem.values.joined(), x.joined()) {
      XCTAssertEqual(got, wanted, accuracy: 1e-12)
    }
    XCTAssertEqual(optimizer.rates, [0.05, 0.02])
    XCTAssertEqual(optimizer.stepCount, 10)
  }

  func testGroupsAreChecked() throws {
    let leaf = Tensor([1], [1], requiresGrad: true)
    let optimizer = try makeOptimizer()
    func add(_ tensors: [Tensor], _ names: [String], _ arguments: [String: Double] = [:]) throws {
      try optimizer.addGroup(tensors, names: names, Attributes("group", numbers: arguments))
    }
    expectFailure(.value, ["must not be empty"]) { try add([], []) }
    expectFailure(.type, ["'w'", "int64"]) { try add([try! Tensor(zeros: [1], dtype: .int64)], ["w"]) }
    expectFailure(.value, ["'w'", "requires_grad=True"]) { try add([Tensor([1], [1])], ["w"]) }
    expectFailure(.value, ["'w'", "leaf"]) { try add([apply("square", [leaf])], ["w"]) }
    expectFailure(.value, ["'v'", "twice"]) { try add([leaf, leaf], ["w", "v"]) }
    let other = Tensor([1], [1], requiresGrad: true)
    expectFailure(.value, ["unique"]) { try add([leaf, other], ["w", "w"]) }
    expectFailure(.value, ["momentum"]) { try add([leaf], ["w"], ["momentum": -1]) }
    expectFailure(.value, ["lr", "at least 0"]) { try add([leaf], ["w"], ["lr": -1]) }
    XCTAssertTrue(optimizer.slots.isEmpty)
    try add([leaf], ["w"])
    expectFailure(.value, ["'v'", "twice"]) { try add([leaf], ["v"]) }
    expectFailure(.value, ["unique"]) { try add([other], ["w"]) }
    let adaptive = try makeOptimizer(rate: "l4")
    expectFailure(.value, ["L4 chooses the rate"]) {
      try adaptive.addGroup([leaf], names: ["w"], Attributes("group", numbers: ["lr": 1]))
    }
  }
}
