import CLRSwift
import Foundation
import XCTest

@testable import CInterface

/// The numbers of the header, and those that other languages read, are the library's.
final class EnumerationsTests: XCTestCase {
  private let header: [String: [String: Int]] = [
    "status": [
      "value": LRS_VALUE_ERROR, "shape": LRS_SHAPE_ERROR, "type": LRS_TYPE_ERROR,
      "recording": LRS_RECORDING_ERROR, "diverged": LRS_DIVERGED, "memory": LRS_MEMORY_ERROR,
      "internal": LRS_INTERNAL_ERROR, "busy": LRS_BUSY,
    ],
    "dtype": [
      "float32": LRS_FLOAT32, "float64": LRS_FLOAT64, "int64": LRS_INT64, "uint8": LRS_UINT8,
      "bool": LRS_BOOL,
    ],
    "request": [
      "done": LRS_REQUEST_DONE, "loss": LRS_REQUEST_LOSS, "gradient": LRS_REQUEST_GRADIENT,
      "curvature": LRS_REQUEST_CURVATURE, "validation": LRS_REQUEST_VALIDATION,
    ],
    "decision": [
      "take": LRS_DECISION_TAKE, "stay": LRS_DECISION_STAY, "probe": LRS_DECISION_PROBE,
      "probe_gradient": LRS_DECISION_PROBE_GRADIENT, "measure_curvature": LRS_DECISION_MEASURE_CURVATURE,
      "put_back": LRS_DECISION_PUT_BACK,
    ],
    "scope": [
      "all": LRS_SCOPE_ALL, "group": LRS_SCOPE_GROUP, "tensor": LRS_SCOPE_TENSOR, "pooled": LRS_SCOPE_POOLED,
    ],
    "guard": ["off": LRS_GUARD_OFF, "detect": LRS_GUARD_DETECT, "roll_back": LRS_GUARD_ROLL_BACK],
    "judgement": [
      "go": LRS_JUDGEMENT_GO, "keep": LRS_JUDGEMENT_KEEP, "undo": LRS_JUDGEMENT_UNDO,
      "skip": LRS_JUDGEMENT_SKIP,
    ],
    "outcome": [
      "taken": LRS_OUTCOME_TAKEN, "stayed": LRS_OUTCOME_STAYED, "skipped": LRS_OUTCOME_SKIPPED,
      "undone": LRS_OUTCOME_UNDONE,
    ],
    "bound": ["lowest": LRS_BOUND_LOWEST, "none": LRS_BOUND_NONE, "highest": LRS_BOUND_HIGHEST],
    "search_phase": [
      "bisection": LRS_SEARCH_PHASE_BISECTION, "fine": LRS_SEARCH_PHASE_FINE, "done": LRS_SEARCH_PHASE_DONE,
    ],
    "episode_phase": [
      "train": LRS_EPISODE_PHASE_TRAIN, "validate": LRS_EPISODE_PHASE_VALIDATE,
      "retreat": LRS_EPISODE_PHASE_RETREAT, "replay": LRS_EPISODE_PHASE_REPLAY,
    ],
  ]

  func testTheHeaderHasTheSameNumbers() throws {
    var out: UnsafePointer<CChar>?
    expectOK(lrs_catalogue(&out, "enumerations"))
    let text = String(cString: out!)
    let listed = try XCTUnwrap(
      JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: [String: Int]])
    XCTAssertEqual(listed, header)
  }

  func testNoTwoCasesShareANumber() {
    for (name, cases) in enumerations {
      XCTAssertEqual(Set(cases.map(\.number)).count, cases.count, name)
      XCTAssertEqual(Set(cases.map(\.name)).count, cases.count, name)
    }
  }
}
