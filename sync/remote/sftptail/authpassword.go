package sftptail

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// knownPassword is the one that was passed in, or else one that a person gave before.
func (a *auth) knownPassword() string {
	return firstOf(a.password, a.logins.shared.password(a.who))
}

// keep remembers a password that a person gave, until it is refused.
func (a *auth) keep(password string) {
	a.unproven = password
	a.logins.shared.keepPassword(a.who, password)
}

// refused forgets a password that a person gave and the server did not take.
func (a *auth) refused() {
	if a.unproven != "" {
		a.logins.shared.dropPassword(a.who, a.unproven)
		a.unproven = ""
	}
}

// passwords returns the method that sends the password that is known, once, and then what
// a person gives.
func (a *auth) passwords() ssh.AuthMethod {
	known := a.knownPassword()
	return ssh.PasswordCallback(func() (string, error) {
		if known != "" {
			password := known
			known = ""
			a.unproven = password // if it was remembered and is wrong now, it is forgotten
			return password, nil
		}
		a.refused()
		password, err := a.ask(visible(a.target.as()) + "'s password: ")
		if err == nil {
			a.keep(password)
		}
		return password, err
	})
}

func (a *auth) ask(prompt string) (string, error) {
	answer, err := a.logins.ask(a.ctx, prompt)
	if err != nil && !errors.Is(err, errNobody) {
		a.note("%s", visible(err.Error()))
	}
	return answer, err
}

// mostQuestions bounds what a server can ask in one login.
const mostQuestions = 20

// answer answers the questions of keyboard-interactive (RFC 4256). The password that is
// known answers a single question that is not to be echoed, once; all else a person does.
func (a *auth) answer(_, _ string, questions []string, echos []bool) ([]string, error) {
	if a.questions++; a.questions > mostQuestions || len(questions) > mostQuestions {
		a.note("the server asks too many questions")
		return nil, errors.New("too many questions")
	}
	single := len(questions) == 1 && !echos[0]
	if known := a.knownPassword(); known != "" && single && !a.answered {
		a.answered = true
		a.unproven = known
		return []string{known}, nil
	}
	answers := make([]string, len(questions))
	for i, q := range questions {
		answer, err := a.ask(fmt.Sprintf("(%s) %s", a.target.as(), visible(q)))
		if errors.Is(err, errNobody) {
			a.note("the server asks %q, and there is nobody to answer", visible(q))
		}
		if err != nil {
			return nil, err
		}
		answers[i] = answer
	}
	if single && strings.Contains(strings.ToLower(questions[0]), "password") { // no code that is good for once
		a.answered = true
		a.keep(answers[0])
	}
	return answers, nil
}
