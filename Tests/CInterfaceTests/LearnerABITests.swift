import CLRSwift
import XCTest

@testable import CInterface

final class LearnerABITests: XCTestCase {
  private let arguments: [String: [Double]] = [
    "counts": [1, 1, 0], "initial": [0.5, 0.5], "step_size": [0.125, 0.125], "windows": [10, 10],
  ]

  private func make() -> Handle {
    var out: Handle?
    expectOK(withAttributes(arguments) { lrs_learner_create(&out, $0, $1) })
    return out!
  }

  private func get(_ learner: Handle, _ key: String) -> [Double] {
    var out: Handle?
    expectOK(lrs_learner_get(&out, learner, key))
    defer { lrs_tensor_destroy(out) }
    return values(out!)
  }

  func testNULLIsAnError() {
    expect(LRS_VALUE_ERROR, "out") { lrs_learner_create(nil, nil, 0) }
    expect(LRS_VALUE_ERROR, "learner") { lrs_learner_observe(nil, nil, 0) }
    expect(LRS_VALUE_ERROR, "learner") { lrs_learner_load(nil, nil, 0) }
    var out: Handle?
    expect(LRS_VALUE_ERROR, "learner") { lrs_learner_get(&out, nil, "values") }
    let learner = make()
    defer { lrs_learner_destroy(learner) }
    expect(LRS_VALUE_ERROR, "out") { lrs_learner_get(nil, learner, "values") }
    expect(LRS_VALUE_ERROR, "key") { lrs_learner_get(&out, learner, nil) }
    lrs_learner_destroy(nil)
  }

  func testAStepAndItsState() {
    let (learner, other) = (make(), make())
    defer { for l in [learner, other] { lrs_learner_destroy(l) } }
    let step: [String: [Double]] = ["losses": [2, 2], "hypergradients": [1, -1, 2, -2]]
    expectOK(withAttributes(step) { lrs_learner_observe(learner, $0, $1) })
    XCTAssertEqual(get(learner, "values"), [0.375, 0.625])
    XCTAssertEqual(get(learner, "best_values"), [0.5, 0.5])
    XCTAssertEqual(get(learner, "best_loss"), [2])
    expectOK(withAttributes(["state": get(learner, "state")]) { lrs_learner_load(other, $0, $1) })
    XCTAssertEqual(get(other, "values"), [0.375, 0.625])
    XCTAssertEqual(get(other, "observed"), [1])
  }

  func testWhatDoesNotFitIsNamedAndChangesNothing() {
    let learner = make()
    defer { lrs_learner_destroy(learner) }
    let before = get(learner, "state")
    expect(LRS_SHAPE_ERROR, "hypergradients") {
      withAttributes(["losses": [1], "hypergradients": [1]]) { lrs_learner_observe(learner, $0, $1) }
    }
    expect(LRS_VALUE_ERROR, "losses") {
      withAttributes(["hypergradients": [1, 1]]) { lrs_learner_observe(learner, $0, $1) }
    }
    expect(LRS_VALUE_ERROR, "'loss'") {
      withAttributes(["loss": [1], "hypergradients": [1, 1]]) { lrs_learner_observe(learner, $0, $1) }
    }
    expect(LRS_VALUE_ERROR, "state") {
      withAttributes(["state": [1]]) { lrs_learner_load(learner, $0, $1) }
    }
    var out: Handle?
    expect(LRS_VALUE_ERROR, "'value'") { lrs_learner_get(&out, learner, "value") }
    // as texts: the first loss is not a number before there is one
    XCTAssertEqual("\(get(learner, "state"))", "\(before)")
  }

  /// Two candidates on two networks: 1 and 3 have the mean 2 and the standard error 1.
  func testFinalistsAreJudged() {
    var (scores, best, penalty): (Handle?, Int64, Double) = (nil, 7, .nan)
    func judge(_ losses: [Double], _ penalties: [Double], _ networks: Double = 2) -> lrs_status {
      withAttributes(["losses": losses, "penalties": penalties, "networks": [networks]]) {
        lrs_finalists_judge(&scores, &best, $0, $1)
      }
    }
    expectOK(judge([1, 3, 2, 2], [0, 0, 0.5, 0.5]))
    XCTAssertEqual(values(scores!), [3, 2.5])
    XCTAssertEqual(best, 1)
    lrs_tensor_destroy(scores)
    expectOK(judge([1, .infinity], [0, 0]))
    XCTAssertEqual(best, -1)
    lrs_tensor_destroy(scores)
    expect(LRS_SHAPE_ERROR, "networks") { judge([1, 2, 3], [0, 0, 0]) }
    expect(LRS_VALUE_ERROR, "networks") { judge([1, 2], [0, 0], .nan) }
    expect(LRS_VALUE_ERROR, "best") { lrs_finalists_judge(&scores, nil, nil, 0) }
    expect(LRS_VALUE_ERROR, "scores") { lrs_finalists_judge(nil, &best, nil, 0) }
    expectOK(
      withAttributes(["train_losses": [2, 0, 3, 1], "valid_loss": [1]]) {
        lrs_finalists_penalty(&penalty, $0, $1)
      })
    XCTAssertEqual(penalty, 0.2, accuracy: 1e-15)
    expect(LRS_VALUE_ERROR, "valid_loss") {
      withAttributes(["train_losses": [2]]) { lrs_finalists_penalty(&penalty, $0, $1) }
    }
    expect(LRS_VALUE_ERROR, "out") { lrs_finalists_penalty(nil, nil, 0) }
  }
}
