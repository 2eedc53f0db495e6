import Adaptation
import Autodiff
import TestSupport
import Vocabulary
import XCTest

@testable import Training

final class OptimizerDecayTests: XCTestCase {
  private func optimizer(_ rate: String, _ arguments: [String: Double], _ direction: [String: Double] = [:])
    throws
    -> Optimizer
  {
    try Optimizer(
      direction: "sgd", Attributes("SGD", numbers: direction), rate: rate,
      Attributes(rate, numbers: arguments))
  }

  /// At x with loss L and gradient g, the Polyak step (L + w x'x / 2) / (c |g + w x|^2) along g + w x.
  func testARateSeesTheLossThatIsFollowed() throws {
    let tensor = Tensor([2], [1, -2], requiresGrad: true)
    let made = try optimizer(
      "sps", ["c": 1, "mode": 1, "max_lr": 100, "decay_in_loss": 1], ["weight_decay": 0.5])
    try made.addGroup([tensor], names: ["x"], Attributes("group"))
    tensor.grad = Tensor([2], [3, 1])
    let done = try made.begin(loss: 2, mayProbe: false)
    let (a, b) = (3 + 0.5, 1 - 1.0)
    XCTAssertEqual(done.rate, (2 + 0.25 * 5) / (a * a + b * b), accuracy: 1e-7)
  }

  func testWhereItCannotBeItIsRefused() throws {
    for (rate, arguments) in [("hd", [:]), ("constant", ["rate": 0.1]), ("momo", [:])]
      as [(String, [String: Double])]
    {
      XCTAssertThrowsError(try optimizer(rate, arguments.merging(["decay_in_loss": 1]) { $1 }))
    }
    XCTAssertThrowsError(try optimizer("l4", ["decay_in_loss": 1], ["clip_norm": 1]))
    XCTAssertThrowsError(try optimizer("l4", ["decay_in_loss": 1, "per": 2]))
    XCTAssertThrowsError(try ScalarMachine("l4", Attributes("L4", numbers: ["decay_in_loss": 1])))
    XCTAssertThrowsError(try ScalarMachine("l4", Attributes("L4", numbers: ["estimator": 2])))
  }
}
