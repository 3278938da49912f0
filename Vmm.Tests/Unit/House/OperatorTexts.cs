// What an operator may read of an update, found in the source.
//
// In the code of the update itself that is every text of more than one word, but for those that are no error: log messages, the names of
// steps, texts of defects. Elsewhere it is the texts of exceptions that reach the operator as the reason of an update's failure.
//
// A text is known by its fixed words; whatever the program fills in is an ellipsis.

using System.Text.RegularExpressions;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace Vmm.Tests.Unit.House;

internal static partial class OperatorTexts
{
    private const string Hole = "…";

    /// <summary>Folders and files where every text is the operator's.</summary>
    private static readonly string[] OfTheUpdate =
    [
        "Vmm.Core/Descriptors", "Vmm.Migration", "Vmm.Qmp/Commands/MigrationCommands.cs", "Vmm/Hosting/LogSink.cs", "Vmm/Hosting/MonitorEndpoint.cs", "Vmm/Hosting/PidFile.cs",
    ];

    /// <summary>Folders that an update calls: their exceptions are its reasons.</summary>
    private static readonly string[] CalledByTheUpdate = ["Vmm.Kvm", "Vmm.Core/Chardevs", "Vmm.Core/Machines", "Vmm.Core/Memory", "Vmm.Core/Backends/Block/BlockImage.cs", "Vmm.Qmp/Sessions/CommandHold.cs", "Vmm.Qmp/Sessions/SessionCrossing.cs", "Vmm.Qmp/Wire/RecordFields.cs", "Vmm/Hosting/MonitorCrossing.cs"];

    /// <summary>Texts of accounts and of instruments.</summary>
    private static readonly string[] NoErrors = ["Vmm.Migration/MigrationMetrics.cs", "Vmm.Migration/Handover/HandoverTimes.cs"];

    /// <summary>Texts that an operator reads only inside of others, and one that is never shown: the time-out of a look at what is there already.</summary>
    private static readonly string[] Parts =
    [
        "section type", "section number", "section number in a footer", "section footer", "log file", "it would succeed", "it was refused", "any number of",
        " (… …)", "'…' and … characters more", "… and … characters more", "… and … more", ", which had the guest,", ", which has ended since", "; it runs there",
        "said nothing",
    ];

    private static readonly string[] Exceptions = ["StateException", "HypervisorException", "MachineException", "MemoryBackendException", "BlockException", "ChardevException", "NetException", "IOException"];

    /// <summary>Methods that make such an exception of their argument.</summary>
    private static readonly string[] Makers = ["Error", "MemoryBackend.Error", "Withdraw", "board.Vm.Cpus.WithdrawStop"];

    private static readonly string[] Defects =
        ["InvalidOperationException", "ArgumentException", "ArgumentOutOfRangeException", "ObjectDisposedException", "BestEffort"];

    /// <summary>Every text with the place where it is made.</summary>
    internal static IEnumerable<(string Place, string Text)> All() =>
        from file in SourceFile.All()
        where !NoErrors.Contains(file.Path)
        from node in IsIn(file, OfTheUpdate) ? TextsOf(file) : IsIn(file, CalledByTheUpdate) ? ErrorsOf(file) : []
        from text in Shapes(node)
        where text.Trim(Hole[0], ' ', ':', ';', '\'').Contains(' ', StringComparison.Ordinal) && !Parts.Contains(text)
        select ($"{file.Path}:{node.GetLocation().GetLineSpan().StartLinePosition.Line + 1}", text);

    /// <summary>Every message that the update logs.</summary>
    internal static IEnumerable<string> Logged() =>
        from file in SourceFile.All()
        where file.IsIn("Vmm.Migration")
        from attribute in file.Root.DescendantNodes().OfType<AttributeSyntax>()
        where attribute.Name.ToString() == "LoggerMessage"
        from argument in attribute.ArgumentList!.Arguments
        where argument.NameEquals?.Name.ToString() == "Message"
        select Placeholder().Replace(((LiteralExpressionSyntax)argument.Expression).Token.ValueText, Hole);

    private static bool IsIn(SourceFile file, string[] places) => places.Any(place => file.Path == place || file.IsIn(place));

    private static IEnumerable<ExpressionSyntax> TextsOf(SourceFile file) =>
        from text in file.Root.DescendantNodes().OfType<ExpressionSyntax>()
        where IsText(text) && !text.Ancestors().OfType<ExpressionSyntax>().TakeWhile(outer => outer is not InvocationExpressionSyntax).Any(IsSum)
        where !text.Ancestors().Any(IsNoError)
        select text;

    private static IEnumerable<ExpressionSyntax> ErrorsOf(SourceFile file) =>
        from node in file.Root.DescendantNodes()
        from argument in Arguments(node)
        from text in Values(argument.Expression)
        select text;

    private static bool IsText(ExpressionSyntax expression) =>
        expression is InterpolatedStringExpressionSyntax || expression.IsKind(SyntaxKind.StringLiteralExpression) || IsSum(expression);

    /// <summary>Texts that are joined.</summary>
    private static bool IsSum(ExpressionSyntax expression) =>
        expression is BinaryExpressionSyntax sum && sum.IsKind(SyntaxKind.AddExpression) && (IsText(sum.Left) || IsText(sum.Right));

    private static bool IsNoError(SyntaxNode node) => node switch
    {
        AttributeSyntax => true,
        ObjectCreationExpressionSyntax creation => Defects.Contains(creation.Type.ToString()),
        ArgumentSyntax { Parent: ArgumentListSyntax { Parent: InvocationExpressionSyntax call } list } argument =>
            list.Arguments.IndexOf(argument) == 0 && call.Expression.ToString().Split('.')[^1] is "Do" or "DoAsync",
        _ => false,
    };

    private static IEnumerable<ArgumentSyntax> Arguments(SyntaxNode node) => node switch
    {
        ObjectCreationExpressionSyntax creation when Exceptions.Contains(creation.Type.ToString()) => creation.ArgumentList?.Arguments ?? [],
        ImplicitObjectCreationExpressionSyntax creation when Exceptions.Contains(TypeAround(creation)) => creation.ArgumentList.Arguments,
        InvocationExpressionSyntax call when Makers.Contains(call.Expression.ToString()) => call.ArgumentList.Arguments,
        _ => [],
    };

    /// <summary>What a target-typed new makes: the type of the member that it is the value of.</summary>
    private static string TypeAround(ImplicitObjectCreationExpressionSyntax creation) =>
        creation.Ancestors().OfType<MemberDeclarationSyntax>().FirstOrDefault() switch
        {
            MethodDeclarationSyntax method => method.ReturnType.ToString(),
            PropertyDeclarationSyntax property => property.Type.ToString(),
            _ => "",
        };

    /// <summary>An expression, or, if it is a variable, what the member assigns to it.</summary>
    private static IEnumerable<ExpressionSyntax> Values(ExpressionSyntax expression)
    {
        if (expression is not IdentifierNameSyntax name)
        {
            return [expression];
        }

        var member = expression.Ancestors().OfType<MemberDeclarationSyntax>().First();
        return
        [
            .. member.DescendantNodes().OfType<VariableDeclaratorSyntax>().Where(v => v.Identifier.Text == name.Identifier.Text)
                .Select(v => v.Initializer?.Value).OfType<ExpressionSyntax>(),
            .. member.DescendantNodes().OfType<AssignmentExpressionSyntax>().Where(a => a.Left.ToString() == name.Identifier.Text).Select(a => a.Right),
        ];
    }

    /// <summary>The texts that an expression can be, without what is filled in.</summary>
    private static IEnumerable<string> Shapes(ExpressionSyntax expression) => expression switch
    {
        LiteralExpressionSyntax literal when literal.IsKind(SyntaxKind.StringLiteralExpression) => [literal.Token.ValueText],
        InterpolatedStringExpressionSyntax text => [Shape(text)],
        ParenthesizedExpressionSyntax inner => Shapes(inner.Expression),
        ConditionalExpressionSyntax choice => [.. Shapes(choice.WhenTrue), .. Shapes(choice.WhenFalse)],
        BinaryExpressionSyntax sum when sum.IsKind(SyntaxKind.AddExpression) => [Sum(sum)],
        _ => [],
    };

    private static string Sum(BinaryExpressionSyntax sum) =>
        Joined().Replace(Shapes(sum.Left).FirstOrDefault(Hole) + Shapes(sum.Right).FirstOrDefault(Hole), Hole);

    private static string Shape(InterpolatedStringExpressionSyntax text) => Joined().Replace(
        string.Concat(text.Contents.Select(part => part is InterpolatedStringTextSyntax words ? words.TextToken.ValueText : Hole)), Hole);

    [GeneratedRegex("{[A-Za-z]+}")]
    private static partial Regex Placeholder();

    [GeneratedRegex("…{2,}")]
    private static partial Regex Joined();
}
