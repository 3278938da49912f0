using Vmm.Core.Errors;

namespace Vmm.Qmp.Schema;

/// <summary>A command's failure as the client sees it: the <c>class</c> and <c>desc</c> of a QMP error reply.</summary>
/// <param name="errorClass">One of the schema's error classes, as spelled on the wire.</param>
/// <param name="description">What went wrong, in one sentence without a full stop; clients match on some of these texts.</param>
public sealed class QmpException(string errorClass, string description) : VmmException(description)
{
    /// <summary>The error class, as spelled on the wire: <c>GenericError</c>, <c>CommandNotFound</c> ...</summary>
    public string ErrorClass { get; } = errorClass;

    /// <summary>The text of the reply's <c>desc</c>.</summary>
    public string Description => Message;

    /// <summary>The class of nearly every error.</summary>
    public static QmpException GenericError(string description) => new("GenericError", description);

    /// <summary>The answer to a command that met a defect of the program. The details are in the log.</summary>
    /// <param name="defect">What escaped.</param>
    public static QmpException Internal(Exception defect)
    {
        ArgumentNullException.ThrowIfNull(defect);
        return GenericError($"internal error: {defect.Message}");
    }

    /// <summary>The command is unknown, disabled, or not allowed in this phase of the session.</summary>
    public static QmpException CommandNotFound(string description) => new("CommandNotFound", description);

    /// <summary>The named device or object does not exist.</summary>
    public static QmpException DeviceNotFound(string description) => new("DeviceNotFound", description);

    /// <summary>The device exists but is not in use.</summary>
    public static QmpException DeviceNotActive(string description) => new("DeviceNotActive", description);

    /// <summary>The host's KVM lacks what the command needs.</summary>
    public static QmpException KvmMissingCap(string description) => new("KVMMissingCap", description);

    /// <summary>A mandatory argument was not given.</summary>
    /// <param name="path">The argument's full name: <c>channels[0].addr.path</c>.</param>
    public static QmpException Missing(string path) => GenericError($"Parameter '{path}' is missing");

    /// <summary>An argument that the schema does not know.</summary>
    /// <param name="path">The argument's full name.</param>
    public static QmpException Unexpected(string path) => GenericError($"Parameter '{path}' is unexpected");

    /// <summary>An argument of another JSON type than the schema's.</summary>
    /// <param name="path">The argument's full name.</param>
    /// <param name="expected">The wanted type: <c>string</c>, <c>array</c>, <c>boolean</c>, <c>integer</c>, <c>object</c> ...</param>
    public static QmpException WrongType(string path, string expected) =>
        GenericError($"Invalid parameter type for '{path}', expected: {expected}");

    /// <summary>An argument out of its range.</summary>
    /// <param name="name">The argument's name.</param>
    /// <param name="expected">What would have done: <c>uint8_t</c>, <c>a value between 1 and 255</c> ...</param>
    public static QmpException Expects(string name, string expected) => GenericError($"Parameter '{name}' expects {expected}");

    /// <summary>An argument that is not a value of its enumeration.</summary>
    /// <param name="name">The argument's own name, without that of its parents.</param>
    /// <param name="value">What was given.</param>
    public static QmpException BadValue(string name, string value) => GenericError($"Parameter '{name}' does not accept value '{value}'");
}
